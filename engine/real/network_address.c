#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/real/network_internal.h"

#define UNIX_PREFIX "unix:"

static enum status local_address(const char *path, struct socket_address *address)
{
    struct sockaddr_un *local = &address->name.local;
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof local->sun_path) {
        return ERR_INVALID;
    }
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, size + 1);
    address->size = sizeof *local;
    return OK;
}

static enum status tcp_address(const char *text, struct socket_address *address)
{
    char host[256];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof host) {
        return ERR_INVALID;
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return ERR_INVALID;
    }
    memcpy(&address->name, found->ai_addr, found->ai_addrlen);
    address->size = found->ai_addrlen;
    freeaddrinfo(found);
    return OK;
}

enum status socket_address(const char *text, struct socket_address *address)
{
    *address = (struct socket_address){.size = 0};
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
        return local_address(text + strlen(UNIX_PREFIX), address);
    }
    return tcp_address(text, address);
}

int socket_open(const struct socket_address *address)
{
    int fd = socket(address->name.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0) {
        return -1;
    }
    int yes = 1;
    bool fine = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
    if (fine && address->name.any.sa_family != AF_UNIX) {
        /* Messages are small and somebody waits for each; an address is free again at once. */
        fine = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
               setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0;
    }
    if (!fine) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}
