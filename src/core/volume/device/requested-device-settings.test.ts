import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { requestedDeviceSettings } from "./requested-device-settings.ts";

const premium = { skuName: "Premium_LRS", sizeGiB: 512 };

const asRecord = (
  attributes: Readonly<Record<string, string>>,
  disk: Parameters<typeof requestedDeviceSettings>[1] = premium,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    requestedDeviceSettings(attributes, disk).settings.map(({ name, value }) => [name, value]),
  );

describe("requestedDeviceSettings", () => {
  for (const attributes of [
    {},
    { perfProfile: "" },
    { perfProfile: "None", "device-setting/queue/scheduler": "bfq" },
    { "device-setting/queue/scheduler": "bfq" },
    { attachDiskInitialDelay: "30" },
  ])
    it(`wants nothing for ${JSON.stringify(attributes)}, as V1`, () =>
      assert.deepEqual(requestedDeviceSettings(attributes, premium), {
        settings: [],
        isComputed: false,
        problems: [],
      }));

  it("wants what a V1 PersistentVolume states, scheduler before what that resets", () =>
    assert.deepEqual(
      requestedDeviceSettings(
        {
          perfprofile: "Advanced",
          "device-setting/queue/nr_requests": "64",
          "DEVICE-SETTING/queue/Scheduler": "none",
          skuName: "Premium_LRS",
        },
        premium,
      ),
      {
        settings: [
          { name: "queue/scheduler", value: "none" },
          { name: "queue/nr_requests", value: "64" },
        ],
        isComputed: false,
        problems: [],
      },
    ));

  it("leaves out what is not allowed, with the reason, and wants the rest", () => {
    const { settings, problems } = requestedDeviceSettings(
      {
        perfProfile: "advanced",
        "device-setting/../../../proc/sys/kernel/panic": "1",
        "device-setting/queue/write_cache": "write through",
        "device-setting/queue/read_ahead_kb": "-1",
        "device-setting/queue/rotational": "0",
      },
      premium,
    );
    assert.deepEqual(settings, [{ name: "queue/rotational", value: "0" }]);
    assert.equal(problems.length, 3);
    assert.match(problems[0] ?? "", /^device-setting\/\.\.\/\.\.\/\.\.\/proc\/sys\/kernel\/panic "1" is no/u);
    assert.match(problems[2] ?? "", /whole number from 0 to 65536/u);
  });

  it("wants nothing for a profile that V1 does not know, with the reason", () => {
    const { settings, problems } = requestedDeviceSettings({ perfProfile: "fast" }, premium);
    assert.deepEqual([settings.length, problems.length], [0, 1]);
  });

  const computed: readonly {
    readonly disk: typeof premium;
    readonly stated?: Readonly<Record<string, string>>;
    readonly depth: string;
    readonly sectors: string;
    readonly because: string;
  }[] = [
    { disk: premium, depth: "11", sectors: "65", because: "P20 bursts to 3500 IOPS and 170 MB/s" },
    {
      disk: { skuName: "Premium_ZRS", sizeGiB: 1024 },
      depth: "16",
      sectors: "54",
      because: "P30 has 5000 IOPS and 200 MB/s, and bursts on demand only",
    },
    {
      disk: { skuName: "Premium_LRS", sizeGiB: 1024 },
      stated: { enablebursting: "True" },
      depth: "91",
      sectors: "45",
      because: "P30 bursts to 30000 IOPS and 1000 MB/s on demand",
    },
    {
      disk: { skuName: "StandardSSD_LRS", sizeGiB: 10 },
      depth: "4",
      sectors: "334",
      because: "E10 bursts to 600 IOPS and 150 MB/s, and the kernel's least is 4 requests",
    },
  ];
  for (const { disk, stated = {}, depth, sectors, because } of computed)
    it(`computes the settings of V1's profile basic: ${because}`, () =>
      assert.deepEqual(asRecord({ perfProfile: "Basic", ...stated }, disk), {
        "device/queue_depth": depth,
        "queue/scheduler": "mq-deadline",
        "queue/nr_requests": depth,
        "queue/max_sectors_kb": sectors,
        "queue/read_ahead_kb": "8",
      }));

  it("computes the bursting that Azure shows, whatever the class states", () => {
    const disk = { skuName: "Premium_LRS", sizeGiB: 2048 };
    const ended = { ...disk, burstingEnabled: false };
    const begun = { ...disk, burstingEnabled: true };
    const [stated, unstated] = [{ perfProfile: "basic", enableBursting: "true" }, { perfProfile: "basic" }];
    assert.deepEqual(asRecord(stated, ended), asRecord(unstated, disk));
    assert.deepEqual(asRecord(unstated, begun), asRecord(stated, disk));
  });

  it("computes no bursting of a disk that has become a Standard SSD", () => {
    const disk = { skuName: "StandardSSD_LRS", sizeGiB: 2048 };
    assert.deepEqual(
      asRecord({ perfProfile: "basic", enableBursting: "true" }, disk),
      asRecord({ perfProfile: "basic" }, disk),
    );
  });

  for (const skuName of ["PremiumV2_LRS", "UltraSSD_LRS", "Standard_LRS"])
    it(`computes nothing for ${skuName}, as V1`, () =>
      assert.deepEqual(asRecord({ perfProfile: "basic" }, { skuName, sizeGiB: 100 }), {}));
});
