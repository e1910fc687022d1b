import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { ARCHITECTURES } from "../../deploy/image/binaries/architecture.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { buildGuestParts } from "../../testbed/guests/guest-parts.ts";
import type { GuestParts } from "../../testbed/guests/guest-parts.ts";
import { reasonAgainstGuests } from "../../testbed/guests/reason-against-guests.ts";
import { startGuest } from "../../testbed/guests/start-guest.ts";
import { growths, hasGrown, readyToGrow } from "./growth.ts";

const BUILD_TIMEOUT_MS = 1_200_000;
/** A guest takes half a minute of processor time, and several times that beside the other suites. */
const GUEST_TIMEOUT_MS = 1_200_000;

for (const architecture of ARCHITECTURES) {
  const title = `growth on a kernel that permits it, on ${architecture}`;
  describe(title, { skip: (await reasonAgainstGuests()) ?? false }, () => {
    let parts: GuestParts;

    before(
      async ({ signal }) => {
        parts = await buildGuestParts((line) => console.log(line), signal, architecture);
      },
      { timeout: BUILD_TIMEOUT_MS },
    );

    it(
      "grows ext4, XFS and btrfs under an open file, with all data kept",
      { timeout: GUEST_TIMEOUT_MS },
      async (t) => {
        const diskBytes = new Map(growths.map(({ lun, beforeGiB }) => [lun, gibToBytes(beforeGiB)]));
        await using guest = await startGuest(
          parts,
          { entry: "test/guests/grow-in-guest.ts", diskBytes },
          t.signal,
        );
        for (const growth of growths) {
          if (await guest.untilPrinted(readyToGrow(growth)))
            await guest.growDisk(growth.lun, gibToBytes(growth.afterGiB));
        }
        const { exitCode, output, console: messages } = await guest.ended();
        assert.equal(exitCode, 0, `${output}\n${messages}`);
        assert.deepEqual(output.split("\n"), [
          `Linux on ${architecture}`,
          ...growths.flatMap((growth) => [readyToGrow(growth), hasGrown(growth)]),
        ]);
      },
    );
  });
}
