/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SHA-256 as FIPS 180-4 defines it, so that the sample needs no library.
 */
#ifndef SAMPLE_SHA256_H
#define SAMPLE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BLOCK_BYTES	64
#define SHA256_HEX_LEN		65	/* with the final NUL */

struct sha256 {
	uint32_t hash[8];
	uint32_t key[64];
	uint8_t block[SHA256_BLOCK_BYTES];
	uint64_t bytes;
};

void sha256_begin(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t bytes);
void sha256_end(struct sha256 *sha, char hex[SHA256_HEX_LEN]);

#endif
