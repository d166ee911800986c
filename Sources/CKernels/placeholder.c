void depthc_ckernels_placeholder(void);
void depthc_ckernels_placeholder(void) {}
