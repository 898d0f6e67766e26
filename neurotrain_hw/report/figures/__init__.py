"""The plots of the report, as plain Plotly documents; colours are names that the page looks up, for light and dark."""
