"""What becomes of a prescription in practice: doses missed, late or rounded, and patients who stop coming."""
