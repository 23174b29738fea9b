// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* slowshake read: capture files through the same analyzer, join and export as the appliance's.
 * argv[0] is "read", its arguments follow. Returns the exit status. */
int ss_read_main(int argc, char **argv);
