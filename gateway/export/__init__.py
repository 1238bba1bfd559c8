"""Stored readings as files for other programs."""

from gateway.export.parquet_export import ExportedFile, ExportRequest, export

__all__ = ["ExportRequest", "ExportedFile", "export"]
