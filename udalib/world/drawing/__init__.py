"""From the parts of a scene to pixels: rasters, textures, light, weather, flow."""
