"""What hubtui costs: time, memory, bytes on the wire. Each figure stands beside a minimal app's."""
