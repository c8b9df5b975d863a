"""DACS, DAFormer, HRDA, MIC: published settings, the streets, CamVid."""
