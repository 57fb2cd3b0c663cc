/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: fields of stream table entries and context descriptors, and
 * what is ILLEGAL in them (5.2, 5.4, 5.5)
 */

#include "qemu/osdep.h"
#include "smmu_model.h"

/* STE, double-word 0 to 3 (5.2) */
#define STE_V(s)                extract64((s)[0], 0, 1)
#define STE_CFG(s)              extract64((s)[0], 1, 3)
#define STE_S1_FMT(s)           extract64((s)[0], 4, 2)
#define STE_S1_PTR(s)           ((s)[0] & MAKE_64BIT_MASK(6, 50))
#define STE_S1_CDMAX(s)         extract64((s)[0], 59, 5)
#define STE_S1_DSS(s)           extract64((s)[1], 0, 2)
#define STE_FWB(s)              extract64((s)[1], 25, 1)
#define STE_STALLD(s)           extract64((s)[1], 27, 1)
#define STE_ATS(s)              extract64((s)[1], 28, 2)
#define STE_WORLD(s)            extract64((s)[1], 30, 2)
#define STE_VMID(s)             extract64((s)[2], 0, 16)
#define STE_T0SZ(s)             extract64((s)[2], 32, 6)
#define STE_SL0(s)              extract64((s)[2], 38, 2)
#define STE_TG(s)               extract64((s)[2], 46, 2)
#define STE_PS(s)               extract64((s)[2], 48, 3)
#define STE_AA64(s)             extract64((s)[2], 51, 1)
#define STE_BIG_ENDIAN(s)       extract64((s)[2], 52, 1)
#define STE_AFFD(s)             extract64((s)[2], 53, 1)
#define STE_PTW(s)              extract64((s)[2], 54, 1)
#define STE_HD(s)               extract64((s)[2], 55, 1)
#define STE_HA(s)               extract64((s)[2], 56, 1)
#define STE_STALL(s)            extract64((s)[2], 57, 1)
#define STE_RECORD(s)           extract64((s)[2], 58, 1)
#define STE_TTB(s)              ((s)[3] & MAKE_64BIT_MASK(4, 48))

/* CD, double-word 0 to 2 (5.4); x is the half of the addresses */
#define CDW_TSZ(c, x)           extract64((c)[0], 16 * (x), 6)
#define CDW_TG(c, x)            extract64((c)[0], 16 * (x) + 6, 2)
#define CDW_EPD(c, x)           extract64((c)[0], 16 * (x) + 14, 1)
#define CDW_BIG_ENDIAN(c)       extract64((c)[0], 15, 1)
#define CDW_V(c)                extract64((c)[0], 31, 1)
#define CDW_IPS(c)              extract64((c)[0], 32, 3)
#define CDW_AFFD(c)             extract64((c)[0], 35, 1)
#define CDW_WXN(c)              extract64((c)[0], 36, 1)
#define CDW_TBI(c, x)           extract64((c)[0], 38 + (x), 1)
#define CDW_PAN(c)              extract64((c)[0], 40, 1)
#define CDW_AA64(c)             extract64((c)[0], 41, 1)
#define CDW_HD(c)               extract64((c)[0], 42, 1)
#define CDW_HA(c)               extract64((c)[0], 43, 1)
#define CDW_S(c)                extract64((c)[0], 44, 1)
#define CDW_R(c)                extract64((c)[0], 45, 1)
#define CDW_A(c)                extract64((c)[0], 46, 1)
#define CDW_ASET(c)             extract64((c)[0], 47, 1)
#define CDW_ASID(c)             extract64((c)[0], 48, 16)
#define CDW_HAD(c, x)           extract64((c)[1 + (x)], 1, 1)
#define CDW_TTB(c, x)           ((c)[1 + (x)] & MAKE_64BIT_MASK(4, 48))

/* Input sizes without small tables and 52-bit addresses (5.2.2, 5.4) */
#define TSZ_LEAST               16
#define TSZ_MOST                39

static unsigned int stall_model(const SMMUModel *m)
{
    return FIELD_EX32(m->smmu->idr[0], IDR0, STALL_MODEL);
}

static unsigned int httu(const SMMUModel *m)
{
    return FIELD_EX32(m->smmu->idr[0], IDR0, HTTU);
}

/* What is not supported acts as the most that is (3.4) */
static unsigned int out_bits(const SMMUModel *m, unsigned int field)
{
    unsigned int most = FIELD_EX32(m->smmu->idr[5], IDR5, OAS);

    return oas2bits(MIN(field, most));
}

static bool update_illegal(const SMMUModel *m, bool ha, bool hd)
{
    return (ha && httu(m) == 0) || (hd && httu(m) < 2);
}

/* Level 3 is the last one */
static unsigned int level_shift(unsigned int granule, unsigned int level)
{
    return granule + (3 - level) * (granule - 3);
}

static bool eats_illegal(const SMMUModel *m, const uint64_t *ste)
{
    unsigned int config = STE_CFG(ste);
    bool stall = (config & 2) && STE_STALL(ste);

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, ATS)) {
        return false;
    }
    switch (STE_ATS(ste)) {
    case 1:
        return stall;
    case 2:
        return config != SMMU_CONFIG_NESTED || stall ||
               FIELD_EX32(m->smmu->idr[0], IDR0, NS1ATS);
    default:
        return false;
    }
}

/* Full ATS, or split-stage ATS, which needs ATSCHK (5.2) */
static uint8_t eats_effective(const SMMUModel *m, const uint64_t *ste)
{
    unsigned int eats = STE_ATS(ste);

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, ATS) || eats == 3 ||
        (eats == 2 && !(m->smmu->cr[0] & R_CR0_ATSCHK_MASK))) {
        return 0;
    }
    return eats;
}

static bool stage1_illegal(const SMMUModel *m, const uint64_t *ste)
{
    unsigned int size = smmu_ssid_size(m), cdmax = STE_S1_CDMAX(ste);
    unsigned int fmt = STE_S1_FMT(ste);

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, S1P) ||
        (STE_STALLD(ste) && stall_model(m) != SMMU_STALL_OPTIONAL) ||
        STE_S1_PTR(ste) >> smmu_oas_bits(m)) {
        return true;
    }
    if (!size) {
        return false;
    }
    return cdmax > size || (cdmax && (fmt == 1 || fmt == 2) &&
                            !FIELD_EX32(m->smmu->idr[0], IDR0, CD2L));
}

/* Granule of S2TG and TG0; 0 is reserved */
static unsigned int granule_of(unsigned int tg)
{
    static const uint8_t granules[] = { 12, 16, 14, 0 };

    return granules[tg];
}

/*
 * The tables of stage 2, of which up to 16 are concatenated at the first level
 * (Arm ARM D8.2); false if S2T0SZ, S2SL0 and S2TG do not fit (5.2.2).
 */
static bool stage2_tables(const SMMUModel *m, const uint64_t *ste,
                          SMMUTables *t)
{
    unsigned int t0sz = STE_T0SZ(ste), sl0 = STE_SL0(ste), index_bits;

    t->granule = granule_of(STE_TG(ste));
    if (!t->granule || sl0 == 3 || t0sz > TSZ_MOST ||
        t0sz < MAX(TSZ_LEAST, 64 - smmu_oas_bits(m))) {
        return false;
    }
    t->bits = 64 - t0sz;
    t->level = (t->granule == 12 ? 2 : 3) - sl0;
    if (t->bits <= level_shift(t->granule, t->level)) {
        return false;
    }
    index_bits = t->bits - level_shift(t->granule, t->level);
    t->base = STE_TTB(ste) & ~((8ULL << index_bits) - 1);
    return index_bits <= t->granule - 3 + 4;
}

static bool decode_stage2(const SMMUModel *m, const uint64_t *ste,
                          SMMUStage2 *s2)
{
    bool ha = STE_HA(ste), hd = STE_HD(ste), stall = STE_STALL(ste);

    if (!FIELD_EX32(m->smmu->idr[0], IDR0, S2P) || !STE_AA64(ste) ||
        STE_BIG_ENDIAN(ste) || update_illegal(m, ha, hd) ||
        (STE_FWB(ste) && !FIELD_EX32(m->smmu->idr[3], IDR3, FWB)) ||
        (stall && stall_model(m) == SMMU_STALL_NONE) ||
        (!stall && stall_model(m) == SMMU_STALL_FORCED)) {
        return false;
    }
    s2->out_bits = out_bits(m, STE_PS(ste));
    if (!stage2_tables(m, ste, &s2->tables) || STE_TTB(ste) >> s2->out_bits) {
        return false;
    }
    s2->ha = ha;
    s2->hd = ha && hd;
    s2->affd = STE_AFFD(ste);
    s2->ptw = STE_PTW(ste) && STE_CFG(ste) == SMMU_CONFIG_NESTED;
    s2->fwb = STE_FWB(ste);
    s2->stall = stall;
    s2->record = STE_RECORD(ste);
    return true;
}

/**
 * smmu_decode_ste() - take the fields of an STE
 * @m: model
 * @ste: the eight double-words
 * @ctx: its parts that do not depend on a CD are filled
 *
 * Return: false if that is C_BAD_STE.
 */
bool smmu_decode_ste(const SMMUModel *m, const uint64_t *ste, SMMUContext *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
    if (!STE_V(ste)) {
        return false;
    }
    ctx->config = STE_CFG(ste);
    if (ctx->config <= SMMU_CONFIG_BYPASS) {
        return true;
    }
    ctx->use_s1 = ctx->config & 1;
    ctx->use_s2 = ctx->config & 2;
    /* Without EL2 stage 1 alone has the one StreamWorld NS-EL1 */
    if (eats_illegal(m, ste) || (!ctx->use_s2 && STE_WORLD(ste)) ||
        (ctx->use_s1 && stage1_illegal(m, ste)) ||
        (ctx->use_s2 && !decode_stage2(m, ste, &ctx->s2))) {
        return false;
    }
    ctx->eats = eats_effective(m, ste);
    ctx->cd_table = STE_S1_PTR(ste);
    ctx->cd_bits = smmu_ssid_size(m) ? STE_S1_CDMAX(ste) : 0;
    ctx->cd_format = ctx->cd_bits ? STE_S1_FMT(ste) : 0;
    ctx->s1dss = STE_S1_DSS(ste);
    /* Stage 1 alone is tagged with S2VMID, too (3.17) */
    if (FIELD_EX32(m->smmu->idr[0], IDR0, S2P)) {
        ctx->vmid = STE_VMID(ste);
    }
    return true;
}

/* Granules of the upper half are coded in another way (5.4) */
static unsigned int granule_of_half(unsigned int tg, int half)
{
    static const uint8_t upper[] = { 0, 14, 12, 16 };

    return half ? upper[tg] : granule_of(tg);
}

static bool decode_half(const uint64_t *cd, int half, unsigned int limit,
                        SMMUTables *t)
{
    unsigned int tsz = CDW_TSZ(cd, half), index_bits;

    t->disabled = CDW_EPD(cd, half);
    if (t->disabled) {
        return true;
    }
    t->granule = granule_of_half(CDW_TG(cd, half), half);
    if (!t->granule || tsz < TSZ_LEAST || tsz > TSZ_MOST ||
        CDW_TTB(cd, half) >> limit) {
        return false;
    }
    t->bits = 64 - tsz;
    t->level = 3 - (t->bits - 1 - t->granule) / (t->granule - 3);
    index_bits = t->bits - level_shift(t->granule, t->level);
    t->base = CDW_TTB(cd, half) & ~((8ULL << index_bits) - 1);
    t->no_hierarchy = CDW_HAD(cd, half);
    return true;
}

static bool cd_illegal(const SMMUModel *m, const uint64_t *ste,
                       const uint64_t *cd)
{
    bool big_endian = CDW_BIG_ENDIAN(cd) &&
                      !(CDW_EPD(cd, 0) && CDW_EPD(cd, 1));
    unsigned int model = stall_model(m);

    return !CDW_V(cd) || !CDW_AA64(cd) || big_endian ||
           (CDW_S(cd) && (STE_STALLD(ste) || model == SMMU_STALL_NONE)) ||
           (!CDW_S(cd) && model == SMMU_STALL_FORCED) ||
           (!CDW_A(cd) && FIELD_EX32(m->smmu->idr[0], IDR0, TERM_MODEL)) ||
           update_illegal(m, CDW_HA(cd), CDW_HD(cd));
}

/**
 * smmu_decode_cd() - take the fields of a CD
 * @m: model
 * @ste: the STE that it was reached by
 * @cd: the eight double-words
 * @ctx: gets stage 1
 *
 * Return: false if that is C_BAD_CD.
 */
bool smmu_decode_cd(const SMMUModel *m, const uint64_t *ste, const uint64_t *cd,
                    SMMUContext *ctx)
{
    SMMUStage1 *s1 = &ctx->s1;

    if (cd_illegal(m, ste, cd)) {
        return false;
    }
    s1->out_bits = out_bits(m, CDW_IPS(cd));
    for (int half = 0; half < 2; half++) {
        if (!decode_half(cd, half, s1->out_bits, &s1->half[half])) {
            return false;
        }
        s1->ignore_top[half] = CDW_TBI(cd, half);
    }
    s1->ha = CDW_HA(cd);
    s1->hd = s1->ha && CDW_HD(cd);
    s1->affd = CDW_AFFD(cd);
    s1->wxn = CDW_WXN(cd);
    s1->pan = CDW_PAN(cd);
    s1->stall = CDW_S(cd);
    s1->record = CDW_R(cd);
    s1->abort = CDW_A(cd);
    ctx->asid = CDW_ASID(cd);
    ctx->aset = CDW_ASET(cd);
    return true;
}
