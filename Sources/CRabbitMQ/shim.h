// Version 0.12 of the library moved its headers into rabbitmq-c/; Debian 12 ships 0.11.
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif
#include <sys/eventfd.h>
#include <sys/prctl.h>

// amqp_login_with_properties is variadic, and a variadic C function cannot be called from Swift.
static inline amqp_rpc_reply_t crabbitmq_login_plain(
    amqp_connection_state_t connection, const char *virtual_host, int channel_max, int frame_max,
    int heartbeat, const amqp_table_t *properties, const char *user, const char *password) {
    return amqp_login_with_properties(
        connection, virtual_host, channel_max, frame_max, heartbeat, properties, AMQP_SASL_METHOD_PLAIN,
        user, password);
}

// The EFD_ flags are an anonymous enum, which Swift imports under a type without a name.
static inline int crabbitmq_eventfd(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

// prctl is variadic, and pthread_setname_np is not visible to Swift. The name shows in ps, top and core files.
static inline void crabbitmq_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}
