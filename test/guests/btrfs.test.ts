import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { buildGuestParts } from "../../testbed/guests/guest-parts.ts";
import { reasonAgainstGuests } from "../../testbed/guests/reason-against-guests.ts";
import { startGuest } from "../../testbed/guests/start-guest.ts";

/** Parts are built first, and a guest takes a minute of processor time. */
const TIMEOUT_MS = 2_400_000;

describe("btrfs on a kernel before 6.7", { skip: (await reasonAgainstGuests()) ?? false }, () => {
  it(
    "never mixes up source and copy, and knows the mounts of removed disks",
    { timeout: TIMEOUT_MS },
    async (t) => {
      const parts = await buildGuestParts((line) => console.log(line), t.signal);
      const diskBytes = new Map([0, 1, 2, 3].map((lun) => [lun, gibToBytes(1)]));
      await using guest = await startGuest(
        parts,
        { entry: "test/guests/btrfs-in-guest.ts", diskBytes },
        t.signal,
      );
      const { exitCode, output, console: messages } = await guest.ended();
      assert.equal(exitCode, 0, `${output}\n${messages}`);
      assert.deepEqual(output.split("\n"), [
        "a copy is mounted once its source is not",
        "a removed disk is clean once its mount has ended",
        "a RAID that was mounted without one of its disks says nothing of others",
      ]);
    },
  );
});
