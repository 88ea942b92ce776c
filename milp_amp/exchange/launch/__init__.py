"""Programs that are copied beside what is exported; they need nothing but Python."""
