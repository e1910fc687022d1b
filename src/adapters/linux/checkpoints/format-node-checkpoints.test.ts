import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../../core/failure/result.ts";
import { deviceSettingNames } from "../../../core/volume/device/device-settings.ts";
import type { VolumeCheckpoint } from "../../../ports/host/node-checkpoints.ts";
import { aCheckpoint } from "../../../ports/testing/a-checkpoint.ts";
import { formatNodeCheckpoints } from "./format-node-checkpoints.ts";
import { parseNodeCheckpoints } from "./parse-node-checkpoints.ts";

/**
 * What a driver from before the settings of `queue/iosched` refused to start without: fields of the right
 * type, and no other name among a volume's settings. It passed over fields that it did not know.
 */
const FIRST_RULES = {
  texts: ["volumeName", "uid", "volumeId", "stagingPath"],
  counts: ["epoch", "lun"],
  settings: [
    "device/queue_depth",
    "queue/scheduler",
    "queue/nr_requests",
    "queue/wbt_lat_usec",
    "queue/max_sectors_kb",
    "queue/read_ahead_kb",
    "queue/nomerges",
    "queue/rq_affinity",
    "queue/rotational",
    "queue/add_random",
  ],
} as const;

/** What such a driver refuses in a volume of the file. */
function refusedAtFirst(volume: Readonly<Record<string, unknown>>): readonly string[] {
  const { deviceSettings = {} } = volume;
  assert.ok(typeof deviceSettings === "object" && deviceSettings !== null);
  return [
    ...FIRST_RULES.texts.filter((field) => typeof volume[field] !== "string"),
    ...FIRST_RULES.counts.filter((field) => !Number.isSafeInteger(volume[field])),
    ...Object.entries(deviceSettings)
      .filter(
        ([name, text]) => !FIRST_RULES.settings.some((known) => known === name) || typeof text !== "string",
      )
      .map(([name]) => name),
  ];
}

function formatted(...volumes: readonly VolumeCheckpoint[]) {
  return formatNodeCheckpoints({ bootId: "boot-1", heartbeat: 7, volumes });
}

describe("formatNodeCheckpoints", () => {
  const all = aCheckpoint({
    deviceSettings: Object.fromEntries(deviceSettingNames.map((name, index) => [name, `${index}`])),
  });

  it("writes a file with all settings that a driver without the newest ones reads", () => {
    const { volumes } = JSON.parse(formatted(all));
    assert.deepEqual(refusedAtFirst({ ...all }), deviceSettingNames.slice(2, 7));
    assert.deepEqual(refusedAtFirst(volumes[0]), []);
    assert.deepEqual(Object.keys(volumes[0].deviceSettings).toSorted(), FIRST_RULES.settings.toSorted());
  });

  for (const { because, checkpoint } of [
    { because: "all settings", checkpoint: all },
    { because: "no settings", checkpoint: aCheckpoint() },
    { because: "settings, none of which was there", checkpoint: aCheckpoint({ deviceSettings: {} }) },
    {
      because: "those of a scheduler alone",
      checkpoint: aCheckpoint({ deviceSettings: { "queue/iosched/fifo_batch": "16" } }),
    },
  ])
    it(`writes what is read again with ${because}`, () =>
      assert.deepEqual(
        parseNodeCheckpoints(formatted(checkpoint)),
        ok({ bootId: "boot-1", heartbeat: 7, volumes: [checkpoint] }),
      ));
});

describe("parseNodeCheckpoints", () => {
  const ofNewer = (settings: object): string =>
    JSON.stringify({ version: 1, heartbeat: 7, volumes: [{ ...aCheckpoint(), ...settings }] });

  it("passes over a setting that it does not know, so that none is restored", () => {
    const known = { "queue/scheduler": "mq-deadline", "queue/iosched/fifo_batch": "16" };
    const unknown = { "queue/of_a_newer_driver": { min: 1 }, "../uevent": "add" };
    const expected = ok({
      bootId: undefined,
      heartbeat: 7,
      volumes: [aCheckpoint({ deviceSettings: known })],
    });
    assert.deepEqual(parseNodeCheckpoints(ofNewer({ deviceSettings: { ...known, ...unknown } })), expected);
    const { "queue/scheduler": scheduler, ...ofScheduler } = known;
    const apart = {
      deviceSettings: { "queue/scheduler": scheduler },
      schedulerSettings: { ...ofScheduler, ...unknown },
    };
    assert.deepEqual(parseNodeCheckpoints(ofNewer(apart)), expected);
  });
});
