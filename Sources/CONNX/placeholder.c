// Placeholder translation unit until the first source file of this target lands.
void depthc_connx_placeholder(void);
void depthc_connx_placeholder(void) {}
