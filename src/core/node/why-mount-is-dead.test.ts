import assert from "node:assert/strict";
import { it } from "node:test";
import { whyMountIsDead } from "./why-mount-is-dead.ts";
import type { MountEvidence } from "./why-mount-is-dead.ts";

const healthy: MountEvidence = {
  entry: { options: ["rw", "relatime"], superOptions: ["rw"] },
  device: { sizeBytes: 1000n, state: "running" },
  fileSystemBytes: 900n,
  answersIoError: false,
};

const rows: readonly { because: string; evidence: Partial<MountEvidence>; why: string | undefined }[] = [
  { because: "all is well", evidence: {}, why: undefined },
  {
    because: "a read-only mount of a read-only file system is intended",
    evidence: { entry: { options: ["ro"], superOptions: ["ro"] } },
    why: undefined,
  },
  {
    because: "a read-only bind of a healthy file system is intended",
    evidence: { entry: { options: ["ro"], superOptions: ["rw"] } },
    why: undefined,
  },
  {
    because: "the SCSI device was removed below the mount",
    evidence: { device: undefined },
    why: "its device is gone",
  },
  {
    because: "the SCSI layer gave the device up",
    evidence: { device: { sizeBytes: 1000n, state: "offline" } },
    why: "its device is offline",
  },
  {
    because: "the device shrank below the file system",
    evidence: { device: { sizeBytes: 512n, state: undefined } },
    why: "its device has 512 of the file system's 900 bytes",
  },
  {
    because: "ext4 aborted its journal",
    evidence: { entry: { options: ["rw"], superOptions: ["rw", "emergency_ro"] } },
    why: "its file system has shut down (emergency_ro)",
  },
  {
    because: "ext4 aborted its journal on an older kernel",
    evidence: { entry: { options: ["rw"], superOptions: ["ro"] } },
    why: "its file system went read-only after an error",
  },
  ...["transport-offline", "cancel", "deleted", "deleting", "deleting (no IO)", "dead"].map((state) => ({
    because: `the kernel calls its device ${state}`,
    evidence: { device: { sizeBytes: 1000n, state } },
    why: `its device is ${state}`,
  })),
  {
    because: "the file system spans the device to its end",
    evidence: { fileSystemBytes: 1000n },
    why: undefined,
  },
  {
    because: "a file system was shut down on request",
    evidence: { entry: { options: ["rw"], superOptions: ["rw", "shutdown"] } },
    why: "its file system has shut down (shutdown)",
  },
  { because: "XFS shut down", evidence: { answersIoError: true }, why: "it answers I/O errors" },
];
for (const { because, evidence, why } of rows) {
  it(`calls a mount ${why === undefined ? "alive" : "dead"} when ${because}`, () =>
    assert.equal(whyMountIsDead({ ...healthy, ...evidence }), why));
}
