// SPDX-License-Identifier: BSD-3-Clause

#include "port/kernel_interface.h"

#include <dirent.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool ss_interface_is_running(const char *name)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    bool is_running = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_RUNNING;
    close(fd);
    return is_running;
}

static bool is_bound_to(int fd, unsigned interface_index)
{
    struct sockaddr_ll address = {0};
    socklen_t bytes = sizeof(address);

    return getsockname(fd, (struct sockaddr *)&address, &bytes) == 0 && address.sll_family == AF_PACKET &&
           address.sll_ifindex == (int)interface_index;
}

/* net_af_packet does not give its sockets away, but they are open in this process. */
unsigned ss_interface_sockets(unsigned interface_index, int *ret_sockets, unsigned max)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");

    if (directory == NULL)
        return 0;
    for (const struct dirent *entry; count < max && (entry = readdir(directory)) != NULL;) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '\0' && is_bound_to((int)fd, interface_index))
            ret_sockets[count++] = (int)fd;
    }
    closedir(directory);
    return count;
}

bool ss_interface_is_bound(const int *sockets, unsigned count, unsigned interface_index)
{
    for (unsigned i = 0; i < count; i++) {
        if (!is_bound_to(sockets[i], interface_index))
            return false;
    }
    return true;
}

uint64_t ss_interface_drops(const int *sockets, unsigned count)
{
    uint64_t drops = 0;

    for (unsigned i = 0; i < count; i++) {
        struct tpacket_stats stats;
        socklen_t bytes = sizeof(stats);
        if (getsockopt(sockets[i], SOL_PACKET, PACKET_STATISTICS, &stats, &bytes) == 0)
            drops += stats.tp_drops;
    }
    return drops;
}
