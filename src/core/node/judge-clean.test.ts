import assert from "node:assert/strict";
import { it } from "node:test";
import { judgeClean } from "./judge-clean.ts";
import type { CleanEvidence } from "./judge-clean.ts";

const traceless: CleanEvidence = {
  earlierChildAlive: false,
  commandsInFlight: [],
  devicePath: "/dev/sdc",
  heldPaths: [],
  mountPaths: [],
  mountedForPids: [],
  mountedBtrfs: [],
  devicesOnTop: [],
  openInPids: [],
  mappedInPids: [],
};

it("is clean when nothing holds the device", () => {
  assert.deepEqual(judgeClean(traceless), { clean: true, reason: "nothing holds /dev/sdc" });
});

it("is clean when the device is absent and has left no trace", () => {
  assert.deepEqual(judgeClean({ ...traceless, devicePath: undefined }), {
    clean: true,
    reason: "the device is absent and nothing holds it",
  });
});

const traces: readonly { trace: Partial<CleanEvidence>; reason: string; endsByItself?: true }[] = [
  {
    trace: { earlierChildAlive: true },
    reason: "an earlier plug-in instance, or a command that it started, is still alive",
    endsByItself: true,
  },
  {
    trace: { commandsInFlight: ["umount /a"], mountPaths: ["/a"] },
    reason: "umount /a is still running; it is mounted at /a",
    endsByItself: true,
  },
  {
    trace: { commandsInFlight: ["umount /a"], openInPids: [7] },
    reason: "umount /a is still running; it is open in process 7",
  },
  {
    trace: { heldPaths: ["/dev/sdc"] },
    reason: "/dev/sdc is held exclusively (mounted in some mount namespace, or part of another device)",
  },
  {
    trace: { devicePath: undefined, mountPaths: ["/a", "/b"] },
    reason: "it is mounted at /a; it is mounted at /b",
  },
  { trace: { mountedForPids: [7] }, reason: "it is mounted for process 7" },
  {
    trace: { devicePath: undefined, mountedBtrfs: ["fsid-1"] },
    reason: "btrfs fsid-1, mounted on this node, is or may be on it",
  },
  { trace: { devicesOnTop: ["/dev/loop3"] }, reason: "/dev/loop3 stands on it" },
  { trace: { openInPids: [1, 2, 3, 4, 5] }, reason: "it is open in process 1, 2, 3, 4, 5" },
  { trace: { openInPids: [1, 2, 3, 4, 5, 6] }, reason: "it is open in process 1, 2, 3, 4, 5 and 1 more" },
  { trace: { mappedInPids: [7] }, reason: "it is mapped in process 7" },
];
for (const { trace, ...reasons } of traces) {
  it(`is not clean while ${reasons.reason}`, () =>
    assert.deepEqual(judgeClean({ ...traceless, ...trace }), { clean: false, ...reasons }));
}
