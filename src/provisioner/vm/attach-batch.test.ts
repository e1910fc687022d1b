import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sharedReads } from "../../runtime/shared-reads.ts";
import type { ArmVm } from "../arm/arm-api.ts";
import { defaultProvisionerSettings } from "../settings.ts";
import {
  anArmError,
  anEntry,
  anOperationError,
  aScriptedVm,
  diskUri,
  node,
  type ScriptedVm,
  vmUri,
} from "../testing/scripted-vm.ts";

const MINUTE_MS = 60_000;
const forcePrecondition = (): Promise<boolean> => Promise.resolve(true);

/** Detaches the disk `leaves`, by force if need be. */
async function detachesByForce(azure: ScriptedVm): Promise<void> {
  const detach = azure.request("detach", "leaves", { forcePrecondition });
  assert.deepEqual(kinds(await azure.attachBatch(detach)), ["detached"]);
}
const names = (vm: Pick<ArmVm, "dataDisks">): readonly string[] =>
  vm.dataDisks.map(({ name, lun }) => `${name}@${lun}`);
const kinds = (answers: Awaited<ReturnType<ScriptedVm["attachBatch"]>>): readonly string[] =>
  answers.map((answer) => (answer.ok ? answer.value.kind : answer.failure.kind));
/** When each update was sent, whether it forces anything off, and what it lists. */
const sent = ({ updates }: ScriptedVm) =>
  updates.map(({ atMs, change }) => ({
    atMs,
    off: (change.dataDisks ?? []).filter((entry) => entry.toBeDetached === true).map((entry) => entry.name),
    forced: (change.dataDisks ?? [])
      .filter((entry) => entry.detachOption === "ForceDetach")
      .map((entry) => entry.name),
  }));

describe("a batch of attaches and detaches", () => {
  it("sends one update with the whole list, as Azure detaches what a list leaves out", async () => {
    const azure = aScriptedVm([anEntry("kept", 0), anEntry("leaves", 1)]);
    const attach = azure.request("attach", "comes", { cachingMode: "ReadOnly" });
    assert.deepEqual(kinds(await azure.attachBatch(attach, azure.request("detach", "leaves"))), [
      "attached",
      "detached",
    ]);
    const added = {
      lun: 2,
      name: "comes",
      createOption: "Attach",
      caching: "ReadOnly",
      managedDisk: { id: diskUri("comes") },
      toBeDetached: false,
    };
    assert.deepEqual(
      azure.updates.map(({ change, ifMatch }) => [ifMatch, change.dataDisks]),
      [[`"1"`, [anEntry("kept", 0), anEntry("leaves", 1, { toBeDetached: true }), added]]],
    );
  });

  describe("of a disk that another client attached with deleteOption Delete", () => {
    const attachAgain = async (azure: ScriptedVm, isAllowed = true): Promise<readonly unknown[]> => {
      const precondition = (): Promise<boolean> => Promise.resolve(isAllowed);
      const attach = azure.request("attach", "found", { precondition });
      const [answer] = await azure.attachBatch(attach);
      return [answer, azure.updates.length, azure.vm.dataDisks.map(({ deleteOption }) => deleteOption)];
    };
    const deleted = { deleteOption: "Delete" };

    it("lets Azure keep it, and leaves the entries of others as they are", async () => {
      const azure = aScriptedVm([anEntry("found", 3, deleted), anEntry("other", 4, deleted)]);
      const value = { kind: "attached", lun: 3 };
      assert.deepEqual(await attachAgain(azure), [{ ok: true, value }, 1, ["Detach", "Delete"]]);
    });

    it("says so where Azure refuses to keep it, and asks once", async () => {
      const azure = aScriptedVm([anEntry("found", 3, deleted)]);
      azure.onUpdate = () => anArmError({ statusCode: 400, code: "InvalidParameter" });
      const value = { kind: "attached", lun: 3, deletedWithVm: true };
      assert.deepEqual(await attachAgain(azure), [{ ok: true, value }, 1, ["Delete"]]);
    });

    it("asks again after the write of another client", async () => {
      const azure = aScriptedVm([anEntry("found", 3, deleted)]);
      const conflict = anArmError({ statusCode: 412, code: "PreconditionFailed" });
      azure.onUpdate = (_, index) => (index === 0 ? conflict : "carriedOut");
      const value = { kind: "attached", lun: 3 };
      assert.deepEqual(await attachAgain(azure), [{ ok: true, value }, 2, ["Detach"]]);
    });

    it("gives up after three writes of other clients, and is attached", async () => {
      const azure = aScriptedVm([anEntry("found", 3, deleted)]);
      azure.onUpdate = () => anArmError({ statusCode: 412, code: "PreconditionFailed" });
      const value = { kind: "attached", lun: 3, deletedWithVm: true };
      assert.deepEqual(await attachAgain(azure), [{ ok: true, value }, 3, ["Delete"]]);
    });

    it("leaves it where the record allows no update any more", async () => {
      const azure = aScriptedVm([anEntry("found", 3, deleted)]);
      const value = { kind: "attached", lun: 3, deletedWithVm: true };
      assert.deepEqual(await attachAgain(azure, false), [{ ok: true, value }, 0, ["Delete"]]);
    });

    it("carries out no detach of another client for it", async () => {
      const leaving = anEntry("leaves", 4, { toBeDetached: true });
      const azure = aScriptedVm([anEntry("found", 3, deleted), leaving]);
      const value = { kind: "attached", lun: 3, deletedWithVm: true };
      assert.deepEqual(await attachAgain(azure), [{ ok: true, value }, 0, ["Delete", undefined]]);
    });
  });

  it("lets requests that arrive while it reads the VM take part in its write", async () => {
    const azure = aScriptedVm([anEntry("leaves", 0)]);
    azure.late = [azure.request("detach", "leaves"), azure.request("attach", "second")];
    const { late } = azure;
    assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "first"))), ["attached"]);
    assert.deepEqual(kinds(await Promise.all(late.map(({ answer }) => answer))), ["detached", "attached"]);
    assert.deepEqual([azure.updates.length, names(azure.vm)], [1, ["first@1", "second@2"]]);
  });

  it("asks about its requests in a row: their answers can share a read of their node", async () => {
    const disks = Array.from({ length: 10 }, (_, lun) => `shared-${lun}`);
    const azure = aScriptedVm(disks.map((name, lun) => anEntry(name, lun)));
    let reads = 0;
    const isUnused = sharedReads({
      clock: azure.clock,
      keyOf: (nodeName: string) => nodeName,
      read: async (_nodeName, onSent, signal) => {
        await azure.clock.sleep(0, signal);
        onSent();
        reads += 1;
        return true;
      },
    });
    const precondition = (signal: AbortSignal): Promise<boolean> => isUnused("node-a", signal);
    const detaches = disks.map((name) => azure.request("detach", name, { precondition }));
    const detached = await azure.attachBatch(...detaches);
    assert.deepEqual(
      kinds(detached),
      disks.map(() => "detached"),
    );
    assert.deepEqual([reads, azure.updates.length], [1, 1]);
  });

  it("ends an attach on its operation while Azure refuses reads of the VM", async () => {
    const azure = aScriptedVm([anEntry("leaves", 0)]);
    const refusedUntilMs = 40_000;
    const startedMs = azure.clock.elapsedMs();
    const { onRead } = azure;
    azure.onRead = (vm, asked) =>
      azure.updates.length > 0 && asked.atMs < refusedUntilMs
        ? anArmError({ statusCode: 429, code: "OperationNotAllowed", retryAfterMs: 20_000 })
        : onRead(vm, asked);
    const attach = azure.request("attach", "comes");
    const detach = azure.request("detach", "leaves", { lane: "detach" });
    let attachedAtMs = Infinity;
    const noted = attach.answer.then(() => {
      attachedAtMs = azure.clock.elapsedMs() - startedMs;
    });
    assert.deepEqual(kinds(await azure.attachBatch(attach, detach)), ["attached", "detached"]);
    await noted;
    assert.ok(attachedAtMs < 10_000, `attached after ${attachedAtMs} ms`);
    assert.ok(
      azure.clock.elapsedMs() - startedMs >= refusedUntilMs,
      "a detach ends only once the VM shows it",
    );
  });

  it("answers none of them by a read that began before they came", async () => {
    const azure = aScriptedVm([anEntry("there", 0)]);
    azure.late = [
      azure.request("attach", "there"),
      azure.request("detach", "gone"),
      azure.request("attach", "elsewhere", { node: { ...node, vmId: "guid-b" } }),
    ];
    const { late } = azure;
    assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), ["attached"]);
    const returned = azure.late.map(({ spec }) => spec.diskUri);
    const isAnswered = late.some(({ isSettled }) => isSettled);
    assert.deepEqual([returned, isAnswered], [["elsewhere", "there", "gone"].map(diskUri), false]);
  });

  it("reports another VM under the name, and does nothing to it", async () => {
    const azure = aScriptedVm([anEntry("leaves", 0)]);
    azure.vm = { ...azure.vm, vmId: "guid-of-another" };
    const [attached, detached] = await azure.attachBatch(
      azure.request("attach", "comes"),
      azure.request("detach", "leaves"),
    );
    const replaced = { ok: true, value: { kind: "instanceReplaced", vmId: "guid-of-another" } };
    assert.deepEqual([attached, detached, azure.updates], [replaced, replaced, []]);
  });

  describe("while Azure works on an update of others", () => {
    /** The VM is being updated for that long. */
    function updatingFor(ms: number, dataDisks: Parameters<typeof aScriptedVm>[0] = []): ScriptedVm {
      const azure = aScriptedVm(dataDisks);
      azure.vm = { ...azure.vm, provisioningState: "Updating" };
      azure.onRead = (vm, { atMs }) =>
        atMs >= ms && azure.updates.length === 0 ? { ...vm, provisioningState: "Succeeded" } : vm;
      return azure;
    }

    it("waits, and sends its own update after that one has ended", async () => {
      const azure = updatingFor(30_000);
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), ["attached"]);
      const [{ atMs } = { atMs: 0 }] = azure.updates;
      assert.ok(atMs >= 30_000 && atMs <= 35_000, `${atMs} ms`);
    });

    it("polls seldom whether that has ended, since calls to Azure are counted", async () => {
      const azure = updatingFor(30_000);
      const { onRead } = azure;
      let reads = 0;
      azure.onRead = (vm, asked) => {
        reads++;
        return asked.instanceView
          ? assert.fail("an instance view takes longer, and tells nothing here")
          : onRead(vm, asked);
      };
      await azure.attachBatch(azure.request("attach", "comes"));
      assert.ok(reads <= 30, `${reads} reads`);
    });

    it("waits another minute after Azure has refused its own update because of it", async () => {
      const azure = updatingFor(Infinity);
      azure.onUpdate = (_, index) =>
        index === 0
          ? anArmError({ statusCode: 409, message: "another operation is in progress" })
          : "carriedOut";
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), ["attached"]);
      const [, second] = azure.updates;
      assert.ok(second !== undefined && second.atMs >= 2 * MINUTE_MS, `${second?.atMs} ms`);
    });

    it("sends its own update after a minute, without force, for Azure to decide", async () => {
      const azure = updatingFor(Infinity);
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), ["attached"]);
      const [first] = sent(azure);
      assert.ok(
        first !== undefined && first.atMs >= MINUTE_MS && first.atMs < MINUTE_MS + 5_000,
        `${first?.atMs} ms`,
      );
      assert.deepEqual(first.forced, []);
    });

    it("waits a minute for each such update, not for all of them", async () => {
      const azure = updatingFor(40_000);
      azure.onUpdate = (_, index) => {
        if (index > 0) return "carriedOut";
        azure.vm = { ...azure.vm, etag: `"other"`, provisioningState: "Updating" };
        azure.onRead = (vm, { atMs }) =>
          atMs >= 90_000 && azure.updates.length === 1 ? { ...vm, provisioningState: "Succeeded" } : vm;
        return anArmError({ statusCode: 412, code: "PreconditionFailed" });
      };
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), ["attached"]);
      const [, second] = azure.updates;
      assert.ok(second !== undefined && second.atMs >= 90_000, `${second?.atMs} ms`);
    });

    it("gives a detach of its own disk four minutes before it forces it", async () => {
      const azure = updatingFor(Infinity, [anEntry("leaves", 0, { toBeDetached: true })]);
      await detachesByForce(azure);
      const [first] = sent(azure);
      assert.ok(
        first !== undefined && first.atMs >= 4 * MINUTE_MS && first.atMs < 4 * MINUTE_MS + 5_000,
        `${first?.atMs} ms`,
      );
      assert.deepEqual(first.forced, ["leaves"]);
    });

    it("does not force a disk whose mark was there before that update", async () => {
      const azure = aScriptedVm([anEntry("leaves", 0, { toBeDetached: true })]);
      azure.onUpdate = (_, index) => {
        if (index > 0) return "carriedOut";
        azure.vm = { ...azure.vm, etag: `"others"`, provisioningState: "Updating" };
        return anArmError({ statusCode: 412, code: "PreconditionFailed" });
      };
      await detachesByForce(azure);
      const [, second] = sent(azure);
      assert.ok(
        second !== undefined && second.atMs >= MINUTE_MS && second.atMs < MINUTE_MS + 10_000,
        `${second?.atMs} ms`,
      );
      assert.deepEqual(second.forced, []);
    });

    it("reads the VM every 5 s after a minute, also where its own try was refused", async () => {
      // Each try of an attach behind a long update used to be followed by one read a second.
      const azure = updatingFor(Infinity);
      azure.onUpdate = ({ atMs }) =>
        atMs < 2 * MINUTE_MS ? anArmError({ statusCode: 409, code: "Conflict" }) : "carriedOut";
      const readsMs: number[] = [];
      const busy = azure.onRead;
      azure.onRead = (vm, asked) => {
        readsMs.push(asked.atMs);
        return busy(vm, asked);
      };
      await azure.attachBatch(azure.request("attach", "comes"));
      const secondMinute = readsMs.filter((atMs) => atMs > 65_000 && atMs <= 115_000);
      assert.equal(secondMinute.length, 10);
    });

    it("waits less long for the detach of another disk, and does not force that", async () => {
      const azure = updatingFor(Infinity, [anEntry("others", 0, { toBeDetached: true })]);
      await azure.attachBatch(azure.request("attach", "comes"));
      const [first] = sent(azure);
      assert.ok(first !== undefined && first.atMs < MINUTE_MS + 5_000, `${first?.atMs} ms`);
      assert.deepEqual(first.forced, []);
    });
  });

  describe("whose own detach hangs", () => {
    const hangs = (): ScriptedVm => {
      const azure = aScriptedVm([anEntry("leaves", 0)]);
      azure.onUpdate = (_, index) => (index === 0 ? "hangs" : "carriedOut");
      return azure;
    };

    it("forces the detach after four minutes", async () => {
      const azure = hangs();
      await detachesByForce(azure);
      const [first, second] = sent(azure);
      assert.deepEqual([first?.atMs, first?.forced, second?.forced], [0, [], ["leaves"]]);
      assert.ok(
        second !== undefined && second.atMs >= 4 * MINUTE_MS && second.atMs < 5 * MINUTE_MS,
        `${second?.atMs} ms`,
      );
    });

    it("gives the forced detach a quarter of an hour before it sends another", async () => {
      const azure = hangs();
      azure.onUpdate = (_, index) => (index < 2 ? "hangs" : "carriedOut");
      await detachesByForce(azure);
      const [, second, third] = sent(azure);
      const waitedMs = (third?.atMs ?? 0) - (second?.atMs ?? 0);
      assert.ok(waitedMs >= 15 * MINUTE_MS, `${waitedMs} ms`);
    });

    it("forces nothing once the disk is not being detached any more", async () => {
      const azure = hangs();
      azure.onRead = (vm, { atMs }) => {
        if (azure.updates.length !== 1 || atMs < 4 * MINUTE_MS) return vm;
        return atMs < 4.5 * MINUTE_MS
          ? { ...vm, dataDisks: [anEntry("leaves", 0)] }
          : { ...vm, dataDisks: [anEntry("leaves", 0)], provisioningState: "Succeeded" };
      };
      await detachesByForce(azure);
      assert.deepEqual(
        sent(azure).map(({ forced }) => forced),
        [[], []],
      );
    });

    it("forces nothing if a poll reports that its detach has failed", async () => {
      const azure = hangs();
      let hasFailed = false;
      azure.onRead = (vm, { atMs }) => {
        if (azure.updates.length !== 1 || atMs < 4 * MINUTE_MS) return vm;
        hasFailed = true;
        return atMs < 4.5 * MINUTE_MS ? vm : { ...vm, provisioningState: "Succeeded" };
      };
      azure.onPoll = (end) => (hasFailed && azure.updates.length === 1 ? anOperationError() : end);
      await detachesByForce(azure);
      assert.deepEqual(
        sent(azure).map(({ forced }) => forced),
        [[], []],
      );
    });

    it("waits a quarter of an hour for an attach, which can't be forced", async () => {
      const azure = aScriptedVm();
      azure.onUpdate = (_, index) => (index === 0 ? "hangs" : "carriedOut");
      azure.onRead = (vm, { atMs }) =>
        azure.updates.length === 1 && atMs >= 10 * MINUTE_MS ? { ...vm, provisioningState: "Succeeded" } : vm;
      azure.owners = () => [vmUri];
      await azure.attachBatch(azure.request("attach", "comes"));
      assert.equal(azure.updates.length, 1);
      assert.ok(azure.clock.elapsedMs() >= 15 * MINUTE_MS);
    });

    it("forces a detach for an attach only where allowed, and checks that each time", async () => {
      for (const isAllowed of [true, false]) {
        const azure = aScriptedVm([anEntry("comes", 0, { toBeDetached: true })]);
        azure.vm = { ...azure.vm, provisioningState: "Updating" };
        azure.onRead = (vm, { atMs }) =>
          !isAllowed && atMs >= 5 * MINUTE_MS && azure.updates.length === 0
            ? { ...vm, provisioningState: "Succeeded", dataDisks: [] }
            : vm;
        let asked = 0;
        const attach = azure.request("attach", "comes", {
          forcePrecondition: () => Promise.resolve((asked++, isAllowed)),
        });
        assert.deepEqual(kinds(await azure.attachBatch(attach)), ["attached"]);
        assert.equal(
          sent(azure).some(({ forced }) => forced.includes("comes")),
          isAllowed,
        );
        assert.ok(asked >= 2, `asked ${asked} times`);
      }
    });
  });

  it("gives up, with the reason, when updates succeed and nothing changes", async () => {
    const azure = aScriptedVm([anEntry("leaves", 0)], { retriesMax: 0 });
    azure.onUpdate = () => "ignored";
    const [detached] = await azure.attachBatch(azure.request("detach", "leaves"));
    assert.equal(azure.updates.length, 4);
    assert.ok(detached !== undefined && !detached.ok && detached.failure.kind === "CloudUnavailable");
    assert.equal(detached.failure.code, "UpdateWithoutEffect");
  });

  it("reports a disk still being detached when an attach waits for its slot", async () => {
    const full = [0, 1, 2, 3].map((lun) =>
      anEntry(`disk-${lun}`, lun, lun === 0 ? { toBeDetached: true } : {}),
    );
    const azure = aScriptedVm(full, { retriesMax: 0 });
    const [attached] = await azure.attachBatch(azure.request("attach", "comes"));
    assert.ok(attached !== undefined && !attached.ok && attached.failure.kind === "CloudUnavailable");
    assert.deepEqual([attached.failure.code, azure.updates], ["DiskStillDetaching", []]);
  });

  it("checks before it carries out a foreign detach of the disk that it attaches", async () => {
    const azure = aScriptedVm([anEntry("comes", 0, { toBeDetached: true })]);
    const asked: (readonly string[])[] = [];
    const mayCompleteDetach = (uris: readonly string[]): Promise<boolean> =>
      Promise.resolve((asked.push(uris), false));
    assert.deepEqual(
      kinds(await azure.attachBatch(azure.request("attach", "comes", { mayCompleteDetach }))),
      ["CloudUnavailable"],
    );
    assert.deepEqual([asked, azure.updates], [[[diskUri("comes")]], []]);
  });

  it("asks the others of a batch about the marked disk of a detach that has to wait", async () => {
    const marked = { toBeDetached: true };
    const azure = aScriptedVm([anEntry("leaves", 0, marked), anEntry("others", 1, marked)]);
    const asked: (readonly string[])[] = [];
    const waits = azure.request("detach", "leaves", { mayCompleteDetach: () => Promise.resolve(false) });
    const spares = azure.request("attach", "comes", {
      mayCompleteDetach: (uris) => {
        asked.push(uris);
        return Promise.resolve(!uris.includes(diskUri("leaves")));
      },
    });
    assert.deepEqual(kinds(await azure.attachBatch(waits, spares)), ["CloudUnavailable", "CloudUnavailable"]);
    assert.deepEqual(
      [asked, azure.updates],
      [[[diskUri("others")], [diskUri("leaves"), diskUri("others")]], []],
    );
  });

  it("lets a request whose turn is over wait for no other", async () => {
    const azure = aScriptedVm([anEntry("there", 0)]);
    const refused = azure.request("attach", "comes", { precondition: () => Promise.resolve(false) });
    assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "there"), refused)), [
      "attached",
      "Refused",
    ]);
    assert.deepEqual([azure.updates, azure.clock.elapsedMs()], [[], 0]);
  });

  describe("whose update Azure answers without an operation", () => {
    /** The VM is at work for some seconds, and then in another state. */
    function untold(state: string, { refusesReads = false } = {}): ScriptedVm {
      const azure = aScriptedVm([anEntry("listed", 0)]);
      azure.onUpdate = () => "untold";
      azure.onRead = (vm, { atMs }) => {
        if (vm.provisioningState !== "Updating") return vm;
        if (atMs >= 8000) return { ...vm, provisioningState: state };
        return refusesReads ? anArmError({ statusCode: 429, code: "OperationNotAllowed" }) : vm;
      };
      return azure;
    }

    for (const refusesReads of [false, true])
      it(`ends once the VM shows it${refusesReads ? ", and not while reads are refused" : ""}`, async () => {
        const azure = untold("Succeeded", { refusesReads });
        const startedMs = azure.clock.elapsedMs();
        const attach = azure.request("attach", "comes");
        const attached = attach.answer.then(() => azure.clock.elapsedMs() - startedMs);
        assert.deepEqual(kinds(await azure.attachBatch(attach)), ["attached"]);
        assert.ok((await attached) >= 8000, `attached after ${await attached} ms`);
        assert.equal(azure.updates.length, 1);
      });

    it("fails once the VM has failed", async () => {
      const azure = untold("Failed");
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), [
        "CloudUnavailable",
      ]);
    });

    it("fails where it was to repair the VM, and the VM stays Failed", async () => {
      const azure = untold("Failed");
      azure.vm = { ...azure.vm, provisioningState: "Failed" };
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "listed"))), [
        "CloudUnavailable",
      ]);
    });

    it("ends once the VM is repaired", async () => {
      const azure = untold("Succeeded");
      azure.vm = { ...azure.vm, provisioningState: "Failed" };
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "listed"))), ["attached"]);
      assert.equal(azure.updates.length, 1);
    });
  });

  describe("of a VM whose last operation failed", () => {
    const failed = (owners: readonly string[]): ScriptedVm => {
      const azure = aScriptedVm([anEntry("listed", 0)]);
      azure.vm = { ...azure.vm, provisioningState: "Failed" };
      azure.owners = () => owners;
      return azure;
    };

    it("believes the list if the disk names the VM", async () => {
      const azure = failed([vmUri.toUpperCase()]);
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "listed"))), ["attached"]);
      assert.equal(azure.updates.length, 0);
    });

    it("writes the list once more if the disk does not name the VM", async () => {
      const azure = failed([]);
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "listed"))), ["attached"]);
      assert.equal(azure.updates.length, 1);
    });

    it("writes the list once more if an unlisted disk to detach names the VM", async () => {
      const azure = failed([]);
      azure.owners = () => (azure.updates.length === 0 ? [vmUri] : []);
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("detach", "leaves"))), ["detached"]);
      assert.deepEqual([azure.updates.length, names(azure.vm)], [1, ["listed@0"]]);
    });

    it("fails after its own detach has failed, and does so when it is repeated", async () => {
      const azure = aScriptedVm([anEntry("leaves", 0)]);
      azure.owners = () => (azure.updates.length < 2 ? [vmUri] : []);
      azure.onUpdate = (_, index) => {
        if (index > 0) return "carriedOut";
        azure.vm = { ...azure.vm, etag: `"failed"`, provisioningState: "Failed", dataDisks: [] };
        return anOperationError();
      };
      const tries = [await azure.attachBatch(azure.request("detach", "leaves"))];
      tries.push(await azure.attachBatch(azure.request("detach", "leaves")));
      assert.deepEqual(tries.flatMap(kinds), ["CloudUnavailable", "detached"]);
      assert.equal(azure.updates.length, 2);
    });

    it("believes that list if the disk to detach does not name the VM, or is gone", async () => {
      for (const owners of [[`${vmUri}-2`], undefined]) {
        const azure = failed([]);
        azure.owners = () => owners;
        assert.deepEqual(kinds(await azure.attachBatch(azure.request("detach", "leaves"))), ["detached"]);
        assert.equal(azure.updates.length, 0);
      }
    });

    it("waits, within a limit, until the disk to detach names the VM no more", async () => {
      for (const disownedAtMs of [20_000, Infinity]) {
        const azure = failed([]);
        const startedMs = azure.clock.elapsedMs();
        azure.owners = () => (azure.clock.elapsedMs() - startedMs < disownedAtMs ? [vmUri] : []);
        const [detached] = await azure.attachBatch(azure.request("detach", "leaves"));
        const waitedMs = azure.clock.elapsedMs() - startedMs;
        assert.equal(detached?.ok, disownedAtMs < Infinity);
        assert.ok(waitedMs >= 20_000 && waitedMs < 5 * MINUTE_MS, `${waitedMs} ms`);
        assert.equal(azure.updates.length, 1);
      }
    });
  });

  describe("that Azure refuses", () => {
    const poison = (
      message: string,
      details: readonly { readonly code: string; readonly target: string; readonly message: string }[] = [],
    ) => {
      const azure = aScriptedVm();
      const isPoisoned = (list: Parameters<ScriptedVm["onUpdate"]>[0]): boolean =>
        (list.change.dataDisks ?? []).some(({ name }) => name === "PVC-Bad");
      azure.onUpdate = (update) => (isPoisoned(update) ? anArmError({ message, details }) : "carriedOut");
      return azure;
    };
    const words: readonly {
      readonly because: string;
      readonly message: string;
      readonly detail?: string;
      readonly updates: number;
    }[] = [
      { because: "the message names it in quotes", message: "Disk 'pvc-bad' can't be attached.", updates: 3 },
      { because: "the message ends with its name", message: "it is the fault of PVC-BAD.", updates: 3 },
      {
        because: "the message has its resource id",
        message: `resource ${diskUri("PVC-Bad")} is locked`,
        updates: 3,
      },
      {
        because: "a detail names it",
        message: "several errors",
        detail: "Disk 'pvc-bad' is locked",
        updates: 3,
      },
      { because: "nothing names it, so that halves are tried", message: "no", updates: 5 },
      { because: "only a longer name is like it", message: "Disk 'pvc-bad-2' is locked", updates: 5 },
    ];
    for (const { because, message, detail, updates } of words)
      it(`fails for the disk at fault alone: ${because}`, async () => {
        const azure = poison(
          message,
          detail === undefined ? [] : [{ code: "", target: "", message: detail }],
        );
        const requests = ["PVC-Bad", "pvc-1", "pvc-2", "pvc-3"].map((name) => azure.request("attach", name));
        assert.deepEqual(kinds(await azure.attachBatch(...requests)), [
          "CloudRejected",
          "attached",
          "attached",
          "attached",
        ]);
        assert.equal(azure.updates.length, updates);
      });

    const disks = Array.from({ length: 16 }, (_, index) => `pvc-${index}`);
    const ofVm: readonly { readonly statusCode: number; readonly code: string; readonly message: string }[] =
      [
        {
          statusCode: 403,
          code: "AuthorizationFailed",
          message: `The client 'c' may not perform 'Microsoft.Compute/virtualMachines/write' over '${vmUri}'`,
        },
        {
          statusCode: 403,
          code: "RequestDisallowedByPolicy",
          message: "Resource 'vm-a' was disallowed by policy.",
        },
        {
          statusCode: 409,
          code: "ScopeLocked",
          message: `The scope '${vmUri}' can't perform write operation`,
        },
      ];
    for (const refusal of ofVm)
      it(`is not sent in parts where no write of the VM is allowed: ${refusal.code}`, async () => {
        const azure = aScriptedVm();
        azure.vm = { ...azure.vm, vmSize: "Standard_Unknown" };
        azure.onUpdate = () => anArmError(refusal);
        const answers = await azure.attachBatch(...disks.map((name) => azure.request("attach", name)));
        const kind = refusal.code === "ScopeLocked" ? "CloudRejected" : "CloudUnauthorized";
        assert.deepEqual([kinds(answers), azure.updates.length], [disks.map(() => kind), 1]);
      });

    const ofDisk = [
      { statusCode: 409, code: "ScopeLocked", message: `The scope '${diskUri("PVC-Bad")}' is locked` },
      {
        statusCode: 403,
        code: "AuthorizationFailed",
        message: `The client may not perform 'Microsoft.Compute/disks/write' over '${diskUri("PVC-Bad")}'`,
      },
      {
        statusCode: 403,
        code: "LinkedAuthorizationFailed",
        message: "The client may not perform 'Microsoft.Compute/diskEncryptionSets/read' on the linked scope",
      },
    ];
    for (const refusal of ofDisk)
      it(`fails for the disk alone that ${refusal.code} is about`, async () => {
        const azure = aScriptedVm();
        azure.onUpdate = ({ change: { dataDisks = [] } }) =>
          dataDisks.some(({ name }) => name === "PVC-Bad") ? anArmError(refusal) : "carriedOut";
        const requests = ["PVC-Bad", "pvc-1", "pvc-2"].map((name) => azure.request("attach", name));
        const [bad, ...others] = kinds(await azure.attachBatch(...requests));
        assert.deepEqual([bad === "attached", others], [false, ["attached", "attached"]]);
      });

    it("reads what a failed operation has done all the same", async () => {
      const azure = aScriptedVm();
      azure.onUpdate = ({ change }) => {
        azure.vm = {
          ...azure.vm,
          etag: `"2"`,
          dataDisks: (change.dataDisks ?? []).filter(({ name }) => name !== "pvc-2"),
        };
        return anOperationError();
      };
      const requests = ["pvc-1", "pvc-2"].map((name) => azure.request("attach", name));
      assert.deepEqual(kinds(await azure.attachBatch(...requests)), ["attached", "CloudUnavailable"]);
      assert.deepEqual([azure.updates.length, names(azure.vm)], [1, ["pvc-1@0"]]);
    });
  });

  describe("of a VM that lists a disk that does not exist", () => {
    /** Azure refuses each update that lists it, in these words. */
    function haunted({ target = "diskId", isGone = true } = {}): ScriptedVm {
      const azure = aScriptedVm([anEntry("ghost", 0), anEntry("leaves", 1)]);
      const message = target === "diskId" ? "Disk ghost is not found." : "Not found.";
      azure.owners = (uri) => (uri === diskUri("ghost") && isGone ? undefined : []);
      azure.onUpdate = ({ change: { dataDisks: listed = [] } }) =>
        listed.some(({ name }) => name === "ghost")
          ? anArmError({ statusCode: 404, code: "NotFound", message, target })
          : "carriedOut";
      return azure;
    }

    it("leaves its entry out once a read finds no such disk", async () => {
      for (const target of ["diskId", diskUri("Ghost")]) {
        const azure = haunted({ target });
        const requests = [azure.request("attach", "comes"), azure.request("detach", "leaves")];
        assert.deepEqual(kinds(await azure.attachBatch(...requests)), ["attached", "detached"]);
        assert.deepEqual([azure.updates.length, names(azure.vm)], [2, ["comes@2"]]);
      }
    });

    it("leaves it listed, and does not blame its own disk, where a read finds the disk", async () => {
      const azure = haunted({ isGone: false });
      const requests = [azure.request("attach", "comes"), azure.request("detach", "leaves")];
      assert.deepEqual(kinds(await azure.attachBatch(...requests)), ["CloudRejected", "CloudRejected"]);
      assert.deepEqual(names(azure.vm), ["ghost@0", "leaves@1"]);
    });

    it("detaches that one, and does not attach it", async () => {
      const detached = haunted();
      assert.deepEqual(kinds(await detached.attachBatch(detached.request("detach", "ghost"))), ["detached"]);
      const attached = haunted();
      attached.vm = { ...attached.vm, dataDisks: [] };
      const requests = [attached.request("attach", "ghost"), attached.request("attach", "comes")];
      assert.deepEqual(kinds(await attached.attachBatch(...requests)), ["DiskNotFound", "attached"]);
    });
  });

  describe("whose failed update leaves entries", () => {
    /** Each update with `pvc-bad` fails, and leaves what it lists on the VM. */
    function failing(settings: Parameters<typeof aScriptedVm>[1] = {}): ScriptedVm {
      const azure = aScriptedVm([], settings);
      azure.onUpdate = ({ change: { dataDisks: listed = [] } }, index) => {
        const isBad = listed.some(({ name, toBeDetached }) => name === "pvc-bad" && toBeDetached !== true);
        if (!isBad) return "carriedOut";
        azure.vm = { ...azure.vm, etag: `"failed-${index}"`, provisioningState: "Failed", dataDisks: listed };
        return anOperationError();
      };
      return azure;
    }

    it("takes the entry of the disk that never arrived out", async () => {
      const azure = failing();
      assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "pvc-bad"))), [
        "CloudUnavailable",
      ]);
      assert.deepEqual([sent(azure).at(-1)?.off, names(azure.vm)], [["pvc-bad"], []]);
    });

    it("leaves the entries of disks that it can't read: they may be attached and in use", async () => {
      const { limits } = defaultProvisionerSettings;
      const noReads = { perSubscription: { burst: 0, perMinute: 1 } };
      const azure = failing({ limits: { ...limits, diskRead: noReads }, throttleWaitMaxMs: 0 });
      azure.owners = () => [vmUri];
      const requests = ["pvc-bad", "pvc-1"].map((name) => azure.request("attach", name));
      assert.deepEqual(kinds(await azure.attachBatch(...requests)), ["CloudUnavailable", "CloudUnavailable"]);
      assert.deepEqual(
        [sent(azure).flatMap(({ off }) => off), names(azure.vm)],
        [[], ["pvc-bad@0", "pvc-1@1"]],
      );
    });

    it("keeps a disk that has arrived since the whole batch was last read", async () => {
      const azure = failing();
      let reads = 0;
      azure.owners = (uri) => (uri === diskUri("pvc-1") && reads++ > 0 ? [vmUri] : []);
      const requests = ["pvc-bad", "pvc-1"].map((name) => azure.request("attach", name));
      assert.deepEqual(kinds(await azure.attachBatch(...requests)), ["CloudUnavailable", "attached"]);
      assert.deepEqual([sent(azure).flatMap(({ off }) => off), names(azure.vm)], [["pvc-bad"], ["pvc-1@1"]]);
    });

    it("leaves it while taking it out would carry out a foreign detach, unless allowed", async () => {
      for (const isAllowed of [true, false]) {
        const azure = failing();
        const fails = azure.onUpdate;
        azure.onUpdate = (update, index) => {
          const end = fails(update, index);
          const others = anEntry("others", 9, { toBeDetached: true });
          if (index === 0) azure.vm = { ...azure.vm, dataDisks: [...azure.vm.dataDisks, others] };
          return end;
        };
        const asked: (readonly string[])[] = [];
        const mayCompleteDetach = (uris: readonly string[]): Promise<boolean> =>
          Promise.resolve((asked.push(uris), isAllowed));
        const [attached] = await azure.attachBatch(azure.request("attach", "pvc-bad", { mayCompleteDetach }));
        assert.equal(attached?.ok, false);
        assert.deepEqual([asked, azure.updates.length], [[[diskUri("others")]], isAllowed ? 2 : 1]);
      }
    });
  });

  describe("after a refusal with Retry-After", () => {
    const refusals = [
      anArmError({ statusCode: 503, code: "ServerBusy", retryAfterMs: 50_000 }),
      anArmError({
        statusCode: 409,
        code: "Conflict",
        message: "The request failed due to conflict with a concurrent request.",
        retryAfterMs: 50_000,
      }),
    ];
    for (const refusal of refusals) {
      it(`of ${refusal.statusCode} sends nothing sooner than Azure has asked for`, async () => {
        const azure = aScriptedVm();
        azure.onUpdate = (_, index) => (index === 0 ? refusal : "carriedOut");
        assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), ["attached"]);
        assert.deepEqual(
          azure.updates.map(({ atMs }) => atMs),
          [0, 50_000],
        );
      });

      it(`of ${refusal.statusCode} beyond a minute ends as throttled`, async () => {
        const azure = aScriptedVm();
        azure.onUpdate = () => ({ ...refusal, retryAfterMs: 300_000 });
        assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), ["Throttled"]);
        assert.equal(azure.updates.length, 1);
      });
    }
  });

  it("reads again, in its most urgent request's lane, if the VM changed since the read", async () => {
    const azure = aScriptedVm();
    azure.onUpdate = (_, index) =>
      index === 0 ? anArmError({ statusCode: 412, code: "PreconditionFailed" }) : "carriedOut";
    assert.deepEqual(kinds(await azure.attachBatch(azure.request("attach", "comes"))), ["attached"]);
    assert.equal(azure.updates.length, 2);
  });
});
