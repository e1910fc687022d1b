import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimulatedStore } from "../../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { defaultElectionSettings } from "../../core/election/plan-candidacy.ts";
import { ok } from "../../core/failure/result.ts";
import { aVolumeWithRecord } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { createObjectCache } from "../../objects/cache/object-cache.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { LeaseAccess } from "./lease-access.ts";
import { LeaseHighWaterMark } from "./lease-high-water-mark.ts";

const never = new AbortController().signal;

describe("LeaseAccess", () => {
  for (const incarnations of [[], [0], [9, 10, 2]])
    it(`answers the highest incarnation of records of ${incarnations.join(", ") || "none"}`, async () => {
      const [clock, random] = [createVirtualClock(), createSeededRandom(1)];
      const store = createSimulatedStore({ clock, random }).handle("controller");
      await must(
        store.create("AzVolume", { metadata: { name: "new" }, spec: aVolumeWithRecord({}).spec }, never),
      );
      for (const storeIncarnation of incarnations) {
        const { spec, status } = aVolumeWithRecord({ storeIncarnation });
        const metadata = { name: `pvc-${storeIncarnation}` };
        const made = await must(store.create("AzVolume", { metadata, spec }, never));
        await must(
          store.updateStatus("AzVolume", { ...made, ...(status === undefined ? {} : { status }) }, never),
        );
      }
      const access = new LeaseAccess(
        {
          store,
          cache: createObjectCache({ store, clock, random, logger: silentLogger, kinds: ["Lease"] }),
          clock,
          leaseHighWaterMark: new LeaseHighWaterMark(),
        },
        { identity: "controller-1", settings: defaultElectionSettings, heartbeatDelayMs: () => 0 },
      );
      const highest = incarnations.length === 0 ? undefined : Math.max(...incarnations);
      assert.deepEqual(await access.incarnationOfRecords(never), ok(highest));
    });
});
