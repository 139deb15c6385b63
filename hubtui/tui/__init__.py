"""The screens: panes, dialogs and the widgets that they share."""
