/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: commands (chapter 4)
 */

#include "qemu/osdep.h"
#include "smmu_model.h"

#define COMMAND_SYNC_CS_RESERVED        3
#define STE_RANGE_ALL                   31

static uint64_t command_address(const Cmd *cmd)
{
    return CMD_ADDR(cmd);
}

static bool has_stage1(const SMMUModel *m)
{
    return FIELD_EX32(m->smmu->idr[0], IDR0, S1P);
}

static bool has_stage2(const SMMUModel *m)
{
    return FIELD_EX32(m->smmu->idr[0], IDR0, S2P);
}

/* VMIDs are matched if there is a stage 2; else all have VMID 0 (4.4) */
static int command_vmid(const SMMUModel *m, const Cmd *cmd)
{
    return has_stage2(m) ? CMD_VMID(cmd) : 0;
}

/* Aligned 2^(Range + 1) stream IDs; 31 is CMD_CFGI_ALL (4.3.2) */
static void invalidate_streams(SMMUModel *m, const Cmd *cmd)
{
    unsigned int range = CMD_STE_RANGE(cmd);
    uint32_t mask = range == STE_RANGE_ALL ? UINT32_MAX :
                    (2U << range) - 1;

    if (range == STE_RANGE_ALL) {
        smmu_config_drop_all(m);
    } else {
        smmu_config_drop_streams(m, CMD_SID(cmd) & ~mask, CMD_SID(cmd) | mask,
                                 false);
    }
}

static SMMUCmdError configuration(SMMUModel *m, const Cmd *cmd)
{
    uint32_t sid = CMD_SID(cmd);

    if (CMD_SSEC(cmd)) {
        return SMMU_CERROR_ILL;
    }
    switch (CMD_TYPE(cmd)) {
    case SMMU_CMD_CFGI_STE:
        smmu_config_drop_streams(m, sid, sid, CMD_LEAF(cmd));
        return SMMU_CERROR_NONE;
    case SMMU_CMD_CFGI_STE_RANGE:
        invalidate_streams(m, cmd);
        return SMMU_CERROR_NONE;
    case SMMU_CMD_CFGI_CD:
        if (!has_stage1(m)) {
            return SMMU_CERROR_ILL;
        }
        smmu_config_drop_cd(m, sid, CMD_SSID(cmd), CMD_LEAF(cmd));
        return SMMU_CERROR_NONE;
    case SMMU_CMD_CFGI_CD_ALL:
        if (!has_stage1(m)) {
            return SMMU_CERROR_ILL;
        }
        smmu_config_drop_cds(m, sid);
        return SMMU_CERROR_NONE;
    default:
        return SMMU_CERROR_ILL;
    }
}

/*
 * Addresses of a TLBI. With TG it is a range, whose entries have a granule and
 * perhaps a level (4.4.1.1); false if that is illegal.
 */
static bool take_range(const Cmd *cmd, SMMUTlbInvalidation *inv)
{
    unsigned int tg = CMD_TG(cmd), scale = CMD_SCALE(cmd);
    uint64_t pages = (uint64_t)(CMD_NUM(cmd) + 1) << scale, last;

    inv->by_address = true;
    inv->first = inv->last = command_address(cmd);
    inv->leaf_only = CMD_LEAF(cmd);
    if (!tg) {
        return true;
    }
    inv->granule = tg * 2 + 10;
    inv->level = CMD_TTL(cmd);
    if (inv->level == 1 && inv->granule == 14) {
        inv->level = 0;         /* no such blocks: acts as 0 */
    }
    if (!CMD_NUM(cmd) && !scale && !inv->level) {
        return false;
    }
    last = inv->first + (pages << inv->granule) - 1;
    inv->last = last < inv->first ? UINT64_MAX : last;
    return true;
}

static SMMUCmdError drop_stage1(SMMUModel *m, const Cmd *cmd)
{
    SMMUTlbInvalidation inv = {
        .stage1 = true, .vmid = command_vmid(m, cmd), .asid = -1,
    };
    unsigned int type = CMD_TYPE(cmd);

    if (!has_stage1(m)) {
        return SMMU_CERROR_ILL;
    }
    if (type == SMMU_CMD_TLBI_NH_ASID || type == SMMU_CMD_TLBI_NH_VA) {
        inv.asid = CMD_ASID(cmd);
    }
    if ((type == SMMU_CMD_TLBI_NH_VA || type == SMMU_CMD_TLBI_NH_VAA) &&
        !take_range(cmd, &inv)) {
        return SMMU_CERROR_ILL;
    }
    smmu_tlb_drop(m, &inv);
    return SMMU_CERROR_NONE;
}

static SMMUCmdError drop_stage2(SMMUModel *m, const Cmd *cmd)
{
    bool all = CMD_TYPE(cmd) == SMMU_CMD_TLBI_S12_VMALL;
    SMMUTlbInvalidation inv = {
        .stage1 = all, .stage2 = true, .vmid = CMD_VMID(cmd), .asid = -1,
    };

    if (!has_stage2(m) || (!all && !take_range(cmd, &inv))) {
        return SMMU_CERROR_ILL;
    }
    inv.first &= all ? UINT64_MAX : MAKE_64BIT_MASK(0, 56);
    smmu_tlb_drop(m, &inv);
    return SMMU_CERROR_NONE;
}

static SMMUCmdError run(SMMUModel *m, const Cmd *cmd)
{
    switch (CMD_TYPE(cmd)) {
    case SMMU_CMD_PREFETCH_CONFIG:
    case SMMU_CMD_PREFETCH_ADDR:
        return CMD_SSEC(cmd) ? SMMU_CERROR_ILL : SMMU_CERROR_NONE;
    case SMMU_CMD_CFGI_STE:
    case SMMU_CMD_CFGI_STE_RANGE:
    case SMMU_CMD_CFGI_CD:
    case SMMU_CMD_CFGI_CD_ALL:
        return configuration(m, cmd);
    case SMMU_CMD_TLBI_NH_ALL:
    case SMMU_CMD_TLBI_NH_ASID:
    case SMMU_CMD_TLBI_NH_VA:
    case SMMU_CMD_TLBI_NH_VAA:
        return drop_stage1(m, cmd);
    case SMMU_CMD_TLBI_S12_VMALL:
    case SMMU_CMD_TLBI_S2_IPA:
        return drop_stage2(m, cmd);
    case SMMU_CMD_TLBI_NSNH_ALL:
        smmu_tlb_drop_all(m);
        return SMMU_CERROR_NONE;
    case SMMU_CMD_ATC_INV:
        return smmu_ats_invalidate(m, cmd);
    case SMMU_CMD_PRI_RESP:
        return smmu_pri_respond(m, cmd);
    case SMMU_CMD_SYNC:
        return CMD_SYNC_CS(cmd) == COMMAND_SYNC_CS_RESERVED ?
               SMMU_CERROR_ILL : SMMU_CERROR_NONE;
    default:
        return SMMU_CERROR_ILL;
    }
}

/* A retry translates and takes the lock itself */
static SMMUCmdError end_stall(SMMUModel *m, const Cmd *cmd)
{
    if (FIELD_EX32(m->smmu->idr[0], IDR0, STALL_MODEL) == SMMU_STALL_NONE ||
        CMD_SSEC(cmd)) {
        return SMMU_CERROR_ILL;
    }
    if (CMD_TYPE(cmd) == SMMU_CMD_RESUME) {
        smmu_stall_resume(m, cmd);
    } else {
        smmu_stall_terminate(m, CMD_SID(cmd));
    }
    return SMMU_CERROR_NONE;
}

/**
 * smmu_command() - run one command
 * @m: model
 * @cmd: command
 *
 * All but CMD_SYNC is done with that.
 */
SMMUCmdError smmu_command(SMMUModel *m, const Cmd *cmd)
{
    SMMUCmdError error = SMMU_CERROR_NONE;

    if (CMD_TYPE(cmd) == SMMU_CMD_RESUME ||
        CMD_TYPE(cmd) == SMMU_CMD_STALL_TERM) {
        return end_stall(m, cmd);
    }
    WITH_QEMU_LOCK_GUARD(&m->lock) {
        error = run(m, cmd);
    }
    return error;
}
