"""How figures look: style, layout, and the panels, legends and marks that several kinds share."""
