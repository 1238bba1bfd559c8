"""Operator OA systems."""
