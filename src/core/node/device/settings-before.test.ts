import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settingsBefore } from "./settings-before.ts";

const present = {
  "queue/scheduler": "none",
  "queue/nr_requests": "128",
  "queue/wbt_lat_usec": "2000",
  "queue/read_ahead_kb": "128",
};

it("notes what a change of the scheduler resets, which the unstage restores, too", () =>
  assert.deepEqual(settingsBefore([{ name: "queue/scheduler", value: "mq-deadline" }], present, {}), {
    "queue/scheduler": "none",
    "queue/nr_requests": "128",
    "queue/wbt_lat_usec": "2000",
  }));

it("notes no more than that of another setting, and nothing that the device lacks", () => {
  const wanted = [
    { name: "queue/read_ahead_kb", value: "4096" },
    { name: "queue/wbt_lat_usec", value: "0" },
  ] as const;
  const { "queue/wbt_lat_usec": _, ...withoutThrottling } = present;
  assert.deepEqual(settingsBefore(wanted, withoutThrottling, {}), { "queue/read_ahead_kb": "128" });
});

it("keeps what was noted before an earlier change of the same device", () =>
  assert.deepEqual(
    settingsBefore([{ name: "queue/read_ahead_kb", value: "4096" }], present, {
      "queue/read_ahead_kb": "64",
    }),
    { "queue/read_ahead_kb": "64" },
  ));

describe("of mq-deadline's settings", () => {
  const fifoBatch = { name: "queue/iosched/fifo_batch", value: "1" } as const;
  const scheduler = { name: "queue/scheduler", value: "mq-deadline" } as const;

  it("notes those that a change of the scheduler ends, or that change themselves", () => {
    const under = { ...present, "queue/scheduler": "mq-deadline", "queue/iosched/fifo_batch": "16" };
    const { "queue/read_ahead_kb": _, ...noted } = under;
    assert.deepEqual(settingsBefore([{ name: "queue/scheduler", value: "none" }], under, {}), noted);
    assert.deepEqual(settingsBefore([fifoBatch], under, {}), { "queue/iosched/fifo_batch": "16" });
  });

  it("notes none of a scheduler that is itself the change, also in a repeated stage", () => {
    const first = settingsBefore([scheduler, fifoBatch], present, {});
    assert.equal(first["queue/iosched/fifo_batch"], undefined);
    const changed = { ...present, "queue/scheduler": "mq-deadline", "queue/iosched/fifo_batch": "1" };
    assert.deepEqual(settingsBefore([scheduler, fifoBatch], changed, first), first);
  });
});
