"""Why an alarm was raised: its history as a page and as a chart."""
