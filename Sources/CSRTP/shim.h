#pragma once

#include <string.h>
#include <srtp2/srtp.h>

// Sets `policy` up for one direction and any SSRC. `key` is master key then salt and must outlive srtp_create.
// `profile` is the IANA number; false when this build of the library does not know it.
static inline int csrtp_policy_init(srtp_policy_t *policy, unsigned profile, unsigned char *key, int outbound,
                                    unsigned long window) {
    memset(policy, 0, sizeof *policy);
    if (srtp_crypto_policy_set_from_profile_for_rtp(&policy->rtp, (srtp_profile_t)profile) != srtp_err_status_ok
        || srtp_crypto_policy_set_from_profile_for_rtcp(&policy->rtcp, (srtp_profile_t)profile) != srtp_err_status_ok)
        return 0;
    policy->ssrc.type = outbound ? ssrc_any_outbound : ssrc_any_inbound;
    policy->key = key;
    policy->window_size = window;
    policy->allow_repeat_tx = 0;
    return 1;
}
