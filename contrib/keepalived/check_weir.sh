#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# For keepalived(8): 0 while clients should be sent to this weir, else 1.  It asks an admin socket, whose
# level may be `read`; a weir that is drained or about to end says no before it refuses anybody.
#
#     vrrp_script check_weir {
#         script "/usr/share/weir/check_weir.sh [LISTENER]"
#         interval 1
#         timeout 2
#         fall 2
#         rise 2
#     }
#
# WEIR_SOCKET names the socket, WEIRCTL the program.

set -eu

# A control process that is being replaced is back at once: once more, then.
for _ in 1 2; do
    status=0
    "${WEIRCTL:-weirctl}" -t 1 ready "$@" >/dev/null 2>&1 || status=$?
    [ "$status" -ne 0 ] || exit 0
    # 3 is "no daemon"; anything else is an answer.
    [ "$status" -eq 3 ] || exit 1
done
exit 1
