// ONNXImporter
