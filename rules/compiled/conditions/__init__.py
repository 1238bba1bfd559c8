"""The forms a condition may have, compiled: one module for each, named after the form."""
