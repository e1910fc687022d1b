import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { aVolume, diskUri, identity } from "../core/testing/objects.ts";
import type { CloudProvisioner, Precondition } from "../ports/cloud/cloud-provisioner.ts";
import type { NewObject } from "../ports/store/object-store.ts";
import { leaderGuard } from "./leader-guard.ts";
import { withControllerPorts } from "./testing/a-controller.ts";
import { aDisk } from "./testing/a-disk.ts";

const never = new AbortController().signal;
const cancelled = fail({ kind: "Cancelled" });
const newVolume = { metadata: { name: "pvc-1" }, spec: aVolume().spec } as NewObject<"AzVolume">;

describe("leaderGuard", () => {
  it("writes while it leads, and nothing afterwards, also without notification", () =>
    withControllerPorts(async (world) => {
      let isLeading = true;
      const { store } = leaderGuard(world.ports, () => isLeading);
      const created = await world.answerOf(store.create("AzVolume", newVolume, never));
      assert.ok(created.ok);
      isLeading = false;
      const commits = world.commits.length;
      assert.deepEqual(await store.update("AzVolume", created.value, never), cancelled);
      assert.deepEqual(await store.updateStatus("AzVolume", created.value, never), cancelled);
      assert.deepEqual(await store.delete("AzVolume", "pvc-1", {}, never), cancelled);
      assert.deepEqual(
        await store.create("AzVolume", { ...newVolume, metadata: { name: "pvc-2" } }, never),
        cancelled,
      );
      assert.equal(world.commits.length, commits);
      assert.deepEqual(
        await world.answerOf(store.get("AzVolume", "pvc-1", never)),
        created,
        "reading is harmless",
      );
    }));

  it("emits events while it leads, and none of what it saw before", () =>
    withControllerPorts(async (world) => {
      let isLeading = true;
      const { events } = leaderGuard(world.ports, () => isLeading);
      const event = {
        about: { kind: "AzVolume", name: "pvc-1" },
        reason: "WaitingForWriter",
        message: "node-b waits",
      } as const;
      events.emit(event);
      isLeading = false;
      events.emit({ ...event, message: "node-c waits" });
      assert.deepEqual(world.emitted, [event]);
    }));

  for (const write of ["createDisk", "deleteDisk", "resizeDisk", "updateDisk"] as const) {
    it(`refuses a ${write} that is retried after the leadership was lost`, () =>
      withControllerPorts(async (world) => {
        let isLeading = true;
        const answers: unknown[] = [];
        const asking = async ({
          precondition,
        }: {
          readonly precondition: Precondition;
        }): Promise<Result<never>> => {
          answers.push(await precondition(never));
          isLeading = false;
          answers.push(await precondition(never));
          return fail({ kind: "Refused", diskUri });
        };
        const { cloud } = leaderGuard(
          { ...world.ports, cloud: { ...world.ports.cloud, [write]: asking } },
          () => isLeading,
        );
        const where = {
          diskUri,
          diskName: "pvc-1",
          resourceGroup: undefined,
          location: undefined,
          zone: undefined,
        };
        const what = {
          skuName: "Premium_LRS",
          sizeGiB: 20,
          maxShares: 1,
          tags: {},
          change: {},
          precondition: async () => true,
        } as const;
        assert.deepEqual(
          await cloud[write]({ ...where, ...what }, never),
          fail({ kind: "Refused", diskUri }),
        );
        assert.deepEqual(answers, [true, false]);
      }));
  }

  it("passes on why a look before a write has failed, but not once another may lead", () =>
    withControllerPorts(async (world) => {
      const failure = { kind: "StoreUnavailable", detail: "no answer" } as const;
      for (const isLeadingAfter of [true, false]) {
        let isLeading = true;
        const precondition = async (): Promise<typeof failure> => {
          isLeading = isLeadingAfter;
          return failure;
        };
        let answer: unknown;
        const powerOff: CloudProvisioner["powerOff"] = async (request) => {
          answer = await request.precondition(never);
          return ok(false);
        };
        const { cloud } = leaderGuard(
          { ...world.ports, cloud: { ...world.ports.cloud, powerOff } },
          () => isLeading,
        );
        await cloud.powerOff({ node: identity("node-a"), precondition }, never);
        assert.deepEqual(answer, isLeadingAfter ? failure : false);
      }
    }));

  it("requests nothing afterwards, and refuses what has waited in a queue since", () =>
    withControllerPorts(async (world) => {
      let isLeading = true;
      let precondition: Precondition | undefined;
      const attachDisk: CloudProvisioner["attachDisk"] = async (request) => {
        precondition = request.precondition;
        return ok({ lun: 0 });
      };
      const { cloud } = leaderGuard(
        { ...world.ports, cloud: { ...world.ports.cloud, attachDisk } },
        () => isLeading,
      );
      const where = { diskUri, node: identity("node-a"), precondition: async () => true };
      const request = { ...where, cachingMode: "None", lane: "primaryAttach" } as const;
      assert.deepEqual(await cloud.attachDisk(request, never), ok({ lun: 0 }));
      assert.equal(await precondition?.(never), true);
      isLeading = false;
      assert.equal(await precondition?.(never), false);
      world.disks.add(diskUri);
      const refused = await Promise.all([
        cloud.attachDisk(request, never),
        cloud.detachDisk(request, never),
        cloud.barrier({ ...where, mode: "fence" }, never),
        cloud.deleteDisk(where, never),
        cloud.resizeDisk({ ...where, sizeGiB: 20 }, never),
      ]);
      assert.deepEqual(
        refused,
        refused.map(() => cancelled),
      );
      assert.deepEqual(await cloud.getDisk({ diskUri }, never), ok(aDisk({ diskUri })));
    }));
});
