"""The pages of the dashboard: one package for each noun, with its routes and its templates."""
