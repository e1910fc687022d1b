import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../core/failure/failure.ts";
import { fail, type Result } from "../core/failure/result.ts";
import { diskUri, identity } from "../core/testing/objects.ts";
import type { MayProceed } from "../ports/cloud/cloud-provisioner.ts";
import { refuseBesideOthers } from "./refuse-beside-others.ts";
import { withControllerPorts } from "./testing/a-controller.ts";

const never = new AbortController().signal;
const DETAIL = "pod v1/x serves disk.csi.azure.com";
const CHANGES = ["attachDisk", "detachDisk", "barrier"] as const;

describe("refuseBesideOthers", () => {
  for (const change of CHANGES) {
    it(`refuses ${change} beside another driver, also one that waited when that driver came`, () =>
      withControllerPorts(async ({ ports }) => {
        let other: string | undefined = DETAIL;
        const answers: boolean[] = [];
        const asking = async ({
          precondition,
        }: {
          readonly precondition: MayProceed;
        }): Promise<Result<never, Failure>> => {
          answers.push(await precondition(never));
          other = DETAIL;
          answers.push(await precondition(never));
          return fail({ kind: "Refused", diskUri });
        };
        const cloud = refuseBesideOthers({ ...ports.cloud, [change]: asking }, () => other);
        const request = {
          diskUri,
          node: identity("node-a"),
          cachingMode: "None",
          lane: "primaryAttach",
          mode: "fence",
          precondition: async () => true,
        } as const;
        const whole = { ...request, forcePrecondition: async () => true, mayCarryOut: async () => true };
        assert.deepEqual(await cloud[change](whole, never), fail({ kind: "OtherDriver", detail: DETAIL }));
        assert.deepEqual(answers, []);
        other = undefined;
        assert.deepEqual(await cloud[change](whole, never), fail({ kind: "Refused", diskUri }));
        assert.deepEqual(answers, [true, false]);
      }));
  }

  it("passes reads through", () =>
    withControllerPorts(async ({ ports, answerOf }) => {
      const cloud = refuseBesideOthers(ports.cloud, () => DETAIL);
      assert.deepEqual(
        await answerOf(cloud.getDisk({ diskUri }, never)),
        await answerOf(ports.cloud.getDisk({ diskUri }, never)),
      );
    }));
});
