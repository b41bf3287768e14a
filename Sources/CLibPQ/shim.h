// libpq's public header. The directory comes from pkg-config ("libpq"), never from an absolute path here.
#include <libpq-fe.h>
