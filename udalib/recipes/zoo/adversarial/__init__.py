"""AdaptSegNet and ADVENT: published settings, the streets, CamVid."""
