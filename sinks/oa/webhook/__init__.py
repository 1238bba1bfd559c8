"""Work-order events to an OA system: CloudEvents over a signed webhook."""
