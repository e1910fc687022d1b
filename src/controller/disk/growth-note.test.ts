import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { LATE_REQUEST_MS } from "../../core/azure/late-request.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { aDetail, aDiskSpec, aVolume } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { diskReconciler } from "./disk-reconciler.ts";

const never = new AbortController().signal;
const lost: Failure = { kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "r" };
const overQuota: Failure = { kind: "ChangeOverQuota", diskUri: "disk", detail: "" };

/** What becomes of each request of a pass. `unread`: the volume can't be read, and nothing is sent. */
type Requests = readonly ("lost" | "refused" | "made" | "unread")[];

/** A disk of 10 GiB that is to have `sizeGiB`. */
async function withGrowth(
  act: (growth: {
    readonly world: ReconcileWorld;
    /** One pass of the disk loop. Answers the size that is noted right before each of its requests. */
    readonly pass: (requests: Requests) => Promise<readonly (number | undefined)[]>;
    readonly ask: (sizeGiB: number) => Promise<void>;
    /** What stays noted of the growth, with the seconds since. */
    readonly noted: () => Promise<readonly [sizeGiB: number, time: string] | undefined>;
  }) => Promise<void>,
  skuName = "PremiumV2_LRS",
): Promise<void> {
  await withControllerPorts(async (world) => {
    const disk = aDiskSpec({ sizeGiB: 20 });
    const detail = aDetail({ maxShares: 1, skuName });
    await world.given("AzVolume", aVolume({ spec: { disk }, status: { detail } }));
    const stored = (): Promise<AzVolume> => must(world.other.get("AzVolume", "pvc-1", never));
    let isAway = false;
    const get: ReconcileWorld["ports"]["store"]["get"] = (...request) =>
      isAway
        ? Promise.resolve(fail({ kind: "StoreUnavailable", detail: "" }))
        : world.ports.store.get(...request);
    const store = { ...world.ports.store, get };
    const pass = async (requests: Requests): Promise<readonly (number | undefined)[]> => {
      const before: (number | undefined)[] = [];
      const resizeDisk: ReconcileWorld["ports"]["cloud"]["resizeDisk"] = async (asked, signal) => {
        let end: Result<{ readonly sizeGiB: number }> = fail(lost);
        for (const request of requests) {
          isAway = request === "unread";
          const isAllowed = await asked.precondition(signal);
          isAway = false;
          if (request === "unread") await asked.onOver?.(signal);
          if (!isAllowed) return fail({ kind: "Refused", diskUri: "disk" });
          before.push((await stored()).status?.sentGrowth?.sizeGiB);
          if (request === "refused") await asked.onOver?.(signal);
          end =
            request === "made" ? ok({ sizeGiB: asked.sizeGiB }) : fail(request === "lost" ? lost : overQuota);
        }
        return end;
      };
      const cloud = { ...world.ports.cloud, resizeDisk };
      await world.answerOf(diskReconciler({ ...world.ports, store, cloud }).reconcile("pvc-1", never));
      return before;
    };
    await act({
      world,
      pass,
      ask: async (sizeGiB) => {
        const { status: _, ...present } = await stored();
        const spec = { ...present.spec, disk: { ...present.spec.disk, sizeGiB } };
        await must(world.other.update("AzVolume", { ...present, spec }, never));
        await world.clock.advance(1_000);
      },
      noted: async () => {
        const { sentGrowth } = (await stored()).status ?? {};
        return sentGrowth === undefined ? undefined : [sentGrowth.sizeGiB, sentGrowth.time];
      },
    });
  });
}

describe("the note of a growth", () => {
  it("is written before each request, and stays while one has no answer", () =>
    withGrowth(async ({ pass, noted, world }) => {
      const time = toTimestamp(world.clock.nowMs());
      assert.deepEqual(await pass(["lost"]), [20]);
      assert.deepEqual(await noted(), [20, time]);
      await world.clock.advance(60_000);
      assert.deepEqual(await pass(["refused"]), [20]);
      assert.deepEqual([await noted(), world.volume()?.status?.state], [[20, time], "UpdateFailed"]);
    }));

  it("stays where an earlier request of the same pass has no answer", () =>
    withGrowth(async ({ pass, noted }) => {
      await pass(["lost", "refused"]);
      assert.equal((await noted())?.[0], 20);
    }));

  it("stays where the volume can't be read before the next request", () =>
    withGrowth(async ({ pass, noted }) => {
      await pass(["lost", "unread"]);
      assert.equal((await noted())?.[0], 20);
    }));

  it("goes once Azure has refused each request", () =>
    withGrowth(async ({ pass, noted }) => {
      assert.deepEqual(await pass(["refused", "refused"]), [20, 20]);
      assert.equal(await noted(), undefined);
    }));

  it("is of the largest size that may still come", () =>
    withGrowth(async ({ pass, ask, noted, world }) => {
      await pass(["lost", "refused"]);
      await ask(15);
      assert.deepEqual(await pass(["made"]), [20]);
      assert.equal((await noted())?.[0], 20);
      await world.clock.advance(LATE_REQUEST_MS);
      await ask(17);
      assert.deepEqual(await pass(["lost"]), [17]);
    }));

  it("is not written where Azure copies nothing in the background", () =>
    withGrowth(async ({ pass, noted }) => {
      assert.deepEqual(await pass(["lost", "refused"]), [undefined, undefined]);
      assert.equal(await noted(), undefined);
    }, "Premium_LRS"));
});
