"""The evaluation engine: measures over declared sources, indicators, schemes, runs, publication, explanation."""
