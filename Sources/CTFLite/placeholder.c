void depthc_ctflite_placeholder(void);
void depthc_ctflite_placeholder(void) {}
