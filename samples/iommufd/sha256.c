// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "sha256.h"

static uint32_t turn(uint32_t word, unsigned int bits)
{
	return word >> bits | word << (32 - bits);
}

/*
 * The constants are the first 32 bits behind the point of the square (power 2)
 * or cube (power 3) roots of the first primes: sections 4.2.2 and 5.3.3. With
 * primes below 2^9 a root scaled by 2^32 has at most 37 bits.
 */
static uint32_t root_fraction(unsigned int prime, int power)
{
	const unsigned __int128 want = (unsigned __int128)prime << (32 * power);
	uint64_t root = 0, step;

	for (step = 1ULL << 37; step; step >>= 1) {
		const unsigned __int128 try = root + step;
		const unsigned __int128 raised = power == 2 ? try * try : try * try * try;

		if (raised <= want)
			root = try;
	}
	return root;
}

static int is_prime(unsigned int number)
{
	unsigned int factor;

	for (factor = 2; factor * factor <= number; factor++)
		if (number % factor == 0)
			return 0;
	return 1;
}

void sha256_begin(struct sha256 *sha)
{
	unsigned int prime, nr = 0;

	memset(sha, 0, sizeof(*sha));
	for (prime = 2; nr < 64; prime++) {
		if (!is_prime(prime))
			continue;
		if (nr < 8)
			sha->hash[nr] = root_fraction(prime, 2);
		sha->key[nr++] = root_fraction(prime, 3);
	}
}

static uint32_t load_be32(const uint8_t *from)
{
	uint32_t word;

	memcpy(&word, from, sizeof(word));
	return __builtin_bswap32(word);
}

/* Section 6.2.2; v[0..7] are its a..h, which move up one place each round */
static void take_block(struct sha256 *sha, const uint8_t *block)
{
	uint32_t w[64], v[8], t1, t2;
	int t;

	for (t = 0; t < 16; t++)
		w[t] = load_be32(block + 4 * t);
	for (; t < 64; t++)
		w[t] = w[t - 16] + w[t - 7] +
		       (turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ w[t - 15] >> 3) +
		       (turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ w[t - 2] >> 10);

	memcpy(v, sha->hash, sizeof(v));
	for (t = 0; t < 64; t++) {
		t1 = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) +
		     (v[6] ^ (v[4] & (v[5] ^ v[6]))) + sha->key[t] + w[t];
		t2 = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) +
		     ((v[0] & v[1]) | (v[2] & (v[0] | v[1])));
		v[7] = v[6];
		v[6] = v[5];
		v[5] = v[4];
		v[4] = v[3] + t1;
		v[3] = v[2];
		v[2] = v[1];
		v[1] = v[0];
		v[0] = t1 + t2;
	}
	for (t = 0; t < 8; t++)
		sha->hash[t] += v[t];
}

void sha256_add(struct sha256 *sha, const void *data, size_t bytes)
{
	const uint8_t *from = data;
	size_t have = sha->bytes % SHA256_BLOCK_BYTES, part;

	sha->bytes += bytes;
	while (bytes) {
		if (!have && bytes >= SHA256_BLOCK_BYTES) {
			part = SHA256_BLOCK_BYTES;
			take_block(sha, from);
		} else {
			part = SHA256_BLOCK_BYTES - have;
			if (part > bytes)
				part = bytes;
			memcpy(sha->block + have, from, part);
			have += part;
			if (have == SHA256_BLOCK_BYTES) {
				take_block(sha, sha->block);
				have = 0;
			}
		}
		from += part;
		bytes -= part;
	}
}

void sha256_end(struct sha256 *sha, char hex[SHA256_HEX_LEN])
{
	static const uint8_t padding[SHA256_BLOCK_BYTES] = { 0x80 };
	const uint64_t bits = __builtin_bswap64(sha->bytes * 8);
	const size_t have = sha->bytes % SHA256_BLOCK_BYTES;
	int i;

	sha256_add(sha, padding, (have < 56 ? 56 : 120) - have);
	sha256_add(sha, &bits, sizeof(bits));
	for (i = 0; i < 8; i++)
		sprintf(hex + 8 * i, "%08x", sha->hash[i]);
}
