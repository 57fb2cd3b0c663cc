/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI Express endpoint that sends what a test of an IOMMU wants to see: DMA
 * with and without PASID, privileged or not, ATS translation requests, DMA by
 * translated address through a device TLB that holds until it is invalidated,
 * and page requests. Commands run when they are written; a script of commands
 * runs by a timer, while the processor does other things.
 *
 * The registers are described in the README beside this file.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "system/memory.h"

#define TYPE_DMA_TESTDEV "dma-testdev"
OBJECT_DECLARE_SIMPLE_TYPE(DmaTestDev, DMA_TESTDEV)

#define TESTDEV_DEVICE_ID 0x11e9

#define BAR_SIZE        0x4000
#define SCRIPT_OFFSET   0x1000
#define SCRIPT_ENTRIES  128
#define BUF_OFFSET      0x2000
#define BUF_SIZE        0x2000
#define TLB_ENTRIES     256
#define GROUPS          512

#define CAP_ATS         PCI_CONFIG_SPACE_SIZE
#define CAP_PASID       (PCI_CONFIG_SPACE_SIZE + 0x10)
#define CAP_PRI         (PCI_CONFIG_SPACE_SIZE + 0x20)

/* Registers, 64 bits each */
enum {
    REG_ADDR,           /* untranslated address */
    REG_LEN,            /* bytes in the buffer, 31:0; first byte, 63:32 */
    REG_ATTR,           /* see ATTR_* */
    REG_GROUP,          /* see GROUP_* */
    REG_CMD,            /* write: run; read: how the last one ended */
    REG_SCRIPT,         /* 15:0 entries, 47:16 rounds; write: start */
    REG_PERIOD,         /* ns between entries of the script */
    REG_CLEAR,          /* write: clear counters */
    REG_WRITABLE,
    REG_XLAT = REG_WRITABLE,    /* last completion: address, mask, rights */
    REG_XMASK,
    REG_XPERM,
    REG_INV_COUNT,      /* invalidations that arrived, and the last of them */
    REG_INV_ADDR,
    REG_INV_MASK,
    REG_INV_PASID,
    REG_RESP_COUNT,     /* answers to page requests, and the last of them */
    REG_RESP,           /* 8:0 index, 19:16 code, 63:32 PASID */
    REG_TLB_COUNT,      /* entries in the device TLB */
    REG_REFUSED,        /* accesses that were answered with an error */
    REG_DONE,           /* commands of the script that ran */
    REG_LEFT,           /* commands of the script that are left */
    REG_STALLED,        /* commands that wait, since the IOMMU stalls them */
    REG_NR
};

#define ATTR_PASID(v)           ((v) & BIT_ULL(31) ? extract64(v, 0, 20) : \
                                                     PCI_NO_PASID)
#define ATTR_PRIV               BIT_ULL(32)
#define ATTR_EXEC               BIT_ULL(33)

#define GROUP_INDEX(v)          extract64(v, 0, 9)
#define GROUP_READ              BIT_ULL(16)
#define GROUP_WRITE             BIT_ULL(17)
#define GROUP_LAST              BIT_ULL(18)

enum {
    CMD_READ = 1,       /* memory to buffer */
    CMD_WRITE,          /* buffer to memory */
    CMD_ATS,            /* translation request, completion into the TLB */
    CMD_ATS_NO_WRITE,
    CMD_TLB_READ,       /* by the translation in the TLB */
    CMD_TLB_WRITE,
    CMD_PAGE_REQUEST,
    CMD_TLB_FLUSH,
    CMD_RAW_READ,       /* translated request to REG_ADDR itself */
    CMD_RAW_WRITE,
};

enum {
    ST_OK,
    ST_BAD,             /* no such command, or it does not fit the buffer */
    ST_REFUSED,         /* answered with an error */
    ST_TLB_MISS,        /* nothing in the device TLB permits it */
    ST_NO_RIGHTS,       /* completion without rights */
    ST_DISABLED,        /* the function may not send this */
    ST_STALLED,         /* waits; how it ended comes later */
};

typedef struct TlbEntry {
    bool valid;
    uint32_t pasid;
    hwaddr iova, mask, host;
    IOMMUAccessFlags perm;
} TlbEntry;

/* What a function hears about one of its PASIDs */
typedef struct Listener {
    DmaTestDev *dev;
    uint32_t pasid;
    IOMMUNotifier inval;
    IOMMUPRINotifier pri;
} Listener;

struct DmaTestDev {
    PCIDevice parent_obj;
    MemoryRegion bar;
    QEMUTimer *timer;
    uint64_t reg[REG_NR];
    uint8_t script[SCRIPT_ENTRIES * 32];
    uint8_t buf[BUF_SIZE];
    unsigned int script_at, script_entries;
    bool script_waits;
    TlbEntry tlb[TLB_ENTRIES];
    unsigned int tlb_next;
    DECLARE_BITMAP(outstanding, GROUPS);
    GHashTable *listeners;      /* PASID to Listener */
    uint8_t pasid_bits;
    bool response_pasid;
    bool stall;
    uint16_t vendor_id, device_id;
};

static void td_tlb_flush(DmaTestDev *d)
{
    memset(d->tlb, 0, sizeof(d->tlb));
    d->reg[REG_TLB_COUNT] = 0;
}

static void td_invalidate(IOMMUNotifier *n, IOMMUTLBEntry *e)
{
    Listener *l = n->opaque;
    DmaTestDev *d = l->dev;
    hwaddr last = e->iova | e->addr_mask;

    d->reg[REG_INV_COUNT]++;
    d->reg[REG_INV_ADDR] = e->iova;
    d->reg[REG_INV_MASK] = e->addr_mask;
    d->reg[REG_INV_PASID] = l->pasid;
    for (int i = 0; i < TLB_ENTRIES; i++) {
        TlbEntry *t = &d->tlb[i];

        if (t->valid && t->pasid == l->pasid && t->iova <= last &&
            e->iova <= (t->iova | t->mask)) {
            t->valid = false;
            d->reg[REG_TLB_COUNT]--;
        }
    }
}

static uint16_t td_pri_control(DmaTestDev *d)
{
    return pci_get_word(PCI_DEVICE(d)->config + CAP_PRI + PCI_PRI_CTRL);
}

static void td_pri_status(DmaTestDev *d, uint16_t clear, uint16_t set)
{
    uint8_t *status = PCI_DEVICE(d)->config + CAP_PRI + PCI_PRI_STATUS;

    pci_set_word(status, (pci_get_word(status) & ~clear) | set);
}

/* "Stopped" is off while the function has groups without an answer */
static void td_pri_update(DmaTestDev *d)
{
    bool stopped = !(td_pri_control(d) & PCI_PRI_CTRL_ENABLE) &&
                   bitmap_empty(d->outstanding, GROUPS);

    td_pri_status(d, PCI_PRI_STATUS_STOPPED,
                  stopped ? PCI_PRI_STATUS_STOPPED : 0);
}

static void td_response(IOMMUPRINotifier *n, IOMMUPRIResponse *r)
{
    Listener *l = container_of(n, Listener, pri);
    DmaTestDev *d = l->dev;
    unsigned int code = r->response_code;

    if (code == IOMMU_PRI_RESP_FAILURE) {
        code = 0xf;     /* on the bus */
    }
    d->reg[REG_RESP_COUNT]++;
    d->reg[REG_RESP] = r->prgi | code << 16 | (uint64_t)l->pasid << 32;
    if (!test_and_clear_bit(r->prgi, d->outstanding)) {
        td_pri_status(d, 0, PCI_PRI_STATUS_UPRGI);
    }
    if (r->response_code == IOMMU_PRI_RESP_FAILURE) {
        td_pri_status(d, 0, PCI_PRI_STATUS_RF);
    }
    td_pri_update(d);
    if (msi_enabled(PCI_DEVICE(d))) {
        msi_notify(PCI_DEVICE(d), 0);
    }
}

static bool td_may_use(DmaTestDev *d, uint32_t pasid)
{
    PCIDevice *pdev = PCI_DEVICE(d);

    return pdev->is_master &&
           (pasid == PCI_NO_PASID || pcie_pasid_enabled(pdev));
}

/* From now on hear what arrives for this PASID */
static void td_listen(DmaTestDev *d, uint32_t pasid)
{
    PCIDevice *pdev = PCI_DEVICE(d);
    Listener *l = g_hash_table_lookup(d->listeners, GUINT_TO_POINTER(pasid));

    if (l) {
        return;
    }
    l = g_new0(Listener, 1);
    l->dev = d;
    l->pasid = pasid;
    l->pri.notify = td_response;
    g_hash_table_insert(d->listeners, GUINT_TO_POINTER(pasid), l);
    if (!pci_iommu_init_iotlb_notifier(pdev, &l->inval, td_invalidate, l)) {
        pci_iommu_register_iotlb_notifier(pdev, pasid, &l->inval);
    }
    pci_pri_register_notifier(pdev, pasid, &l->pri);
}

typedef struct Command {
    const PCIRequestClient *client;
    unsigned int cmd;
    uint64_t addr, attr, group;
    uint32_t len, from;
} Command;

static int td_status(DmaTestDev *d, MemTxResult result)
{
    if (result == MEMTX_OK) {
        return ST_OK;
    }
    d->reg[REG_REFUSED]++;
    return result == MEMTX_ERROR ? ST_DISABLED : ST_REFUSED;
}

static int td_dma(DmaTestDev *d, const Command *c, hwaddr addr, bool translated,
                  bool write)
{
    PCIRequest req = {
        .pasid = ATTR_PASID(c->attr),
        .priv = c->attr & ATTR_PRIV,
        .exec = c->attr & ATTR_EXEC,
        .translated = translated,
        .client = d->stall ? c->client : NULL,
    };
    MemTxResult ret = pci_dma_request(PCI_DEVICE(d), &req, addr,
                                      d->buf + c->from, c->len, write);

    if (ret == PCI_REQUEST_STALLED) {
        d->reg[REG_STALLED]++;
        return ST_STALLED;
    }
    return td_status(d, ret);
}

static void td_tlb_add(DmaTestDev *d, uint32_t pasid, const IOMMUTLBEntry *e)
{
    TlbEntry *t = &d->tlb[d->tlb_next++ % TLB_ENTRIES];

    d->reg[REG_TLB_COUNT] += !t->valid;
    *t = (TlbEntry) {
        true, pasid, e->iova, e->addr_mask, e->translated_addr, e->perm,
    };
}

static int td_ats(DmaTestDev *d, const Command *c, bool no_write)
{
    uint32_t pasid = ATTR_PASID(c->attr), errors = 0;
    IOMMUTLBEntry e = {};
    ssize_t n;

    if (!pcie_ats_enabled(PCI_DEVICE(d)) || !td_may_use(d, pasid)) {
        return ST_DISABLED;
    }
    td_listen(d, pasid);
    n = pci_ats_request_translation(PCI_DEVICE(d), pasid, c->attr & ATTR_PRIV,
                                    c->attr & ATTR_EXEC, c->addr & ~0xfffULL,
                                    0x1000, no_write, &e, 1, &errors);
    d->reg[REG_XLAT] = n > 0 ? e.translated_addr : 0;
    d->reg[REG_XMASK] = n > 0 ? e.addr_mask : 0;
    d->reg[REG_XPERM] = n > 0 ? e.perm & IOMMU_RW : 0;
    if (n <= 0) {
        d->reg[REG_REFUSED]++;
        return ST_REFUSED;
    }
    if (!(e.perm & IOMMU_RW)) {
        return ST_NO_RIGHTS;
    }
    td_tlb_add(d, pasid, &e);
    return ST_OK;
}

static int td_by_tlb(DmaTestDev *d, const Command *c, bool write)
{
    uint32_t pasid = ATTR_PASID(c->attr);

    for (int i = 0; i < TLB_ENTRIES; i++) {
        TlbEntry *t = &d->tlb[i];

        if (t->valid && t->pasid == pasid && (c->addr & ~t->mask) == t->iova &&
            (c->addr & t->mask) + c->len <= t->mask + 1 &&
            (t->perm & (write ? IOMMU_WO : IOMMU_RO))) {
            return td_dma(d, c, t->host | (c->addr & t->mask), true, write);
        }
    }
    return ST_TLB_MISS;
}

static int td_page_request(DmaTestDev *d, const Command *c)
{
    bool read = c->group & GROUP_READ, write = c->group & GROUP_WRITE;
    uint32_t pasid = ATTR_PASID(c->attr);
    unsigned int index = GROUP_INDEX(c->group);

    if (!pcie_pri_enabled(PCI_DEVICE(d)) || !td_may_use(d, pasid)) {
        return ST_DISABLED;
    }
    td_listen(d, pasid);
    /* A stop marker is no request */
    if (read || write) {
        set_bit(index, d->outstanding);
        td_pri_update(d);
    }
    return pci_pri_request_page(PCI_DEVICE(d), pasid, c->attr & ATTR_PRIV,
                                c->attr & ATTR_EXEC, c->addr,
                                c->group & GROUP_LAST, index, read, write) ?
           ST_REFUSED : ST_OK;
}

static int td_run(DmaTestDev *d, const Command *c)
{
    if (c->from > BUF_SIZE || c->len > BUF_SIZE - c->from) {
        return ST_BAD;
    }
    switch (c->cmd) {
    case CMD_READ:
    case CMD_WRITE:
        return td_dma(d, c, c->addr, false, c->cmd == CMD_WRITE);
    case CMD_ATS:
    case CMD_ATS_NO_WRITE:
        return td_ats(d, c, c->cmd == CMD_ATS_NO_WRITE);
    case CMD_TLB_READ:
    case CMD_TLB_WRITE:
        return td_by_tlb(d, c, c->cmd == CMD_TLB_WRITE);
    case CMD_PAGE_REQUEST:
        return td_page_request(d, c);
    case CMD_TLB_FLUSH:
        td_tlb_flush(d);
        return ST_OK;
    case CMD_RAW_READ:
    case CMD_RAW_WRITE:
        return td_dma(d, c, c->addr, true, c->cmd == CMD_RAW_WRITE);
    default:
        return ST_BAD;
    }
}

/* A stalled command ends. Those that were there before a reset do not count */
static bool td_stall_ends(DmaTestDev *d)
{
    if (!d->reg[REG_STALLED]) {
        return false;
    }
    d->reg[REG_STALLED]--;
    return true;
}

static void td_register_done(void *opaque, MemTxResult result)
{
    DmaTestDev *d = opaque;

    if (td_stall_ends(d)) {
        d->reg[REG_CMD] = td_status(d, result);
    }
}

static void td_run_register(DmaTestDev *d, uint64_t cmd)
{
    PCIRequestClient client = { td_register_done, d };
    Command c = {
        .client = &client,
        .cmd = cmd,
        .addr = d->reg[REG_ADDR],
        .attr = d->reg[REG_ATTR],
        .group = d->reg[REG_GROUP],
        .len = d->reg[REG_LEN],
        .from = d->reg[REG_LEN] >> 32,
    };

    d->reg[REG_CMD] = td_run(d, &c);
}

/*
 * An entry of the script has four quadwords: address, length as in REG_LEN,
 * attributes as in REG_ATTR, and the command in 7:0; how it ended comes to
 * 15:8 of the last, and how often it was refused to 63:32.
 */
static void td_script_end(DmaTestDev *d, int status)
{
    uint8_t *entry = d->script + d->script_at * 32;
    uint64_t last = deposit64(ldq_le_p(entry + 24), 8, 8, status);

    if (status != ST_OK) {
        last += 1ULL << 32;
    }
    stq_le_p(entry + 24, last);
    d->script_at = (d->script_at + 1) % d->script_entries;
    d->reg[REG_DONE]++;
    if (--d->reg[REG_LEFT]) {
        timer_mod(d->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                            d->reg[REG_PERIOD]);
    } else if (msi_enabled(PCI_DEVICE(d))) {
        msi_notify(PCI_DEVICE(d), 0);
    }
}

static void td_script_done(void *opaque, MemTxResult result)
{
    DmaTestDev *d = opaque;

    if (td_stall_ends(d) && d->script_waits) {
        d->script_waits = false;
        td_script_end(d, td_status(d, result));
    }
}

/* An entry that stalls keeps the others back */
static void td_run_script(void *opaque)
{
    DmaTestDev *d = opaque;
    uint8_t *entry = d->script + d->script_at * 32;
    uint64_t last = ldq_le_p(entry + 24);
    PCIRequestClient client = { td_script_done, d };
    Command c = {
        .client = &client,
        .cmd = last & 0xff,
        .addr = ldq_le_p(entry),
        .len = ldq_le_p(entry + 8),
        .from = ldq_le_p(entry + 8) >> 32,
        .attr = ldq_le_p(entry + 16),
    };
    int status;

    if (!d->reg[REG_LEFT]) {
        return;
    }
    status = td_run(d, &c);
    if (status == ST_STALLED) {
        d->script_waits = true;
    } else {
        td_script_end(d, status);
    }
}

static void td_start_script(DmaTestDev *d, uint64_t val)
{
    unsigned int entries = extract64(val, 0, 16);

    timer_del(d->timer);
    d->script_waits = false;
    d->script_at = 0;
    d->script_entries = MIN(entries, SCRIPT_ENTRIES);
    d->reg[REG_LEFT] = d->script_entries * extract64(val, 16, 32);
    if (d->reg[REG_LEFT]) {
        timer_mod(d->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                            d->reg[REG_PERIOD]);
    }
}

static void td_clear(DmaTestDev *d)
{
    d->reg[REG_INV_COUNT] = 0;
    d->reg[REG_RESP_COUNT] = 0;
    d->reg[REG_REFUSED] = 0;
    d->reg[REG_DONE] = 0;
}

/* Memory behind the registers; NULL for the registers */
static uint8_t *td_memory(DmaTestDev *d, hwaddr addr)
{
    if (addr >= BUF_OFFSET) {
        return d->buf + (addr - BUF_OFFSET);
    }
    return addr >= SCRIPT_OFFSET ? d->script + (addr - SCRIPT_OFFSET) : NULL;
}

static uint64_t td_read(void *opaque, hwaddr addr, unsigned size)
{
    DmaTestDev *d = opaque;
    uint8_t *memory = td_memory(d, addr);

    if (memory) {
        return ldn_le_p(memory, size);
    }
    if (addr / 8 >= REG_NR) {
        return 0;
    }
    return extract64(d->reg[addr / 8], addr % 8 * 8, size * 8);
}

static void td_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    DmaTestDev *d = opaque;
    unsigned int shift = addr % 8 * 8, index = addr / 8;
    uint8_t *memory = td_memory(d, addr);

    if (memory) {
        stn_le_p(memory, size, val);
        return;
    }
    if (index >= REG_WRITABLE) {
        return;
    }
    d->reg[index] = deposit64(d->reg[index], shift, size * 8, val);
    if (index == REG_CMD && !shift) {
        td_run_register(d, val);
    } else if (index == REG_CLEAR && !shift) {
        td_clear(d);
    } else if (index == REG_SCRIPT && shift + size * 8 == 64) {
        /* Of two halves the high one comes last */
        td_start_script(d, d->reg[REG_SCRIPT]);
    }
}

static const MemoryRegionOps td_ops = {
    .read = td_read,
    .write = td_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

static void td_realize(PCIDevice *pdev, Error **errp)
{
    DmaTestDev *d = DMA_TESTDEV(pdev);

    if (d->pasid_bits > 20) {
        error_setg(errp, "pasid-bits is at most 20");
        return;
    }
    if (pcie_endpoint_cap_init(pdev, 0) < 0) {
        error_setg(errp, "no room for the express capability");
        return;
    }
    if (msi_init(pdev, 0, 1, true, false, errp)) {
        return;
    }
    pci_config_set_vendor_id(pdev->config, d->vendor_id);
    pci_config_set_device_id(pdev->config, d->device_id);
    pcie_cap_flr_init(pdev);
    pcie_ats_init(pdev, CAP_ATS, true);
    pcie_pasid_init(pdev, CAP_PASID, d->pasid_bits, true, true);
    pcie_pri_init(pdev, CAP_PRI, GROUPS, d->response_pasid);
    d->listeners = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    d->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, td_run_script, d);
    memory_region_init_io(&d->bar, OBJECT(d), &td_ops, d, TYPE_DMA_TESTDEV,
                          BAR_SIZE);
    pci_register_bar(pdev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64, &d->bar);
}

/* A reset takes back ATS, PASID and PRI, and empties the device TLB */
static void td_reset(DeviceState *dev)
{
    DmaTestDev *d = DMA_TESTDEV(dev);
    uint8_t *config = PCI_DEVICE(d)->config;

    timer_del(d->timer);
    d->script_waits = false;
    pci_set_word(config + CAP_ATS + PCI_ATS_CTRL, 0);
    pci_set_word(config + CAP_PASID + PCI_PASID_CTRL, 0);
    pci_set_word(config + CAP_PRI + PCI_PRI_CTRL, 0);
    memset(d->reg, 0, sizeof(d->reg));
    td_tlb_flush(d);
    bitmap_zero(d->outstanding, GROUPS);
    td_pri_status(d, PCI_PRI_STATUS_RF | PCI_PRI_STATUS_UPRGI, 0);
    td_pri_update(d);
}

static void td_write_config(PCIDevice *pdev, uint32_t addr, uint32_t val,
                            int len)
{
    DmaTestDev *d = DMA_TESTDEV(pdev);
    uint8_t *control = pdev->config + CAP_PRI + PCI_PRI_CTRL;

    pci_default_write_config(pdev, addr, val, len);
    pcie_cap_flr_write_config(pdev, addr, val, len);
    if (!pcie_ats_enabled(pdev)) {
        td_tlb_flush(d);
    }
    /* PRI reset works while PRI is off, and reads as 0 */
    if (pci_get_word(control) & PCI_PRI_CTRL_RESET) {
        pci_set_word(control, pci_get_word(control) & ~PCI_PRI_CTRL_RESET);
        if (!(pci_get_word(control) & PCI_PRI_CTRL_ENABLE)) {
            bitmap_zero(d->outstanding, GROUPS);
        }
    }
    td_pri_update(d);
}

static const Property td_properties[] = {
    DEFINE_PROP_UINT8("pasid-bits", DmaTestDev, pasid_bits, 20),
    DEFINE_PROP_BOOL("response-pasid", DmaTestDev, response_pasid, true),
    DEFINE_PROP_BOOL("stall", DmaTestDev, stall, false),
    /* Linux lets only functions with certain IDs stall */
    DEFINE_PROP_UINT16("vendor-id", DmaTestDev, vendor_id, PCI_VENDOR_ID_QEMU),
    DEFINE_PROP_UINT16("device-id", DmaTestDev, device_id, TESTDEV_DEVICE_ID),
};

static void td_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->realize = td_realize;
    k->config_write = td_write_config;
    k->vendor_id = PCI_VENDOR_ID_QEMU;
    k->device_id = TESTDEV_DEVICE_ID;
    k->class_id = PCI_CLASS_OTHERS;
    device_class_set_legacy_reset(dc, td_reset);
    device_class_set_props(dc, td_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    /* Its listeners stay registered */
    dc->hotpluggable = false;
}

static const TypeInfo td_info = {
    .name = TYPE_DMA_TESTDEV,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(DmaTestDev),
    .class_init = td_class_init,
    .interfaces = (const InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { },
    },
};

static void td_register(void)
{
    type_register_static(&td_info);
}

type_init(td_register)
