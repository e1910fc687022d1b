import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ControllerService } from "../gen/csi/v1/csi.ts";
import { aCall } from "../testing/a-call.ts";
import { withController } from "../testing/a-controller.ts";
import { controllerHandlers } from "./controller-handlers.ts";

describe("controllerHandlers", () => {
  it("advertise what they do", () =>
    withController(async ({ context }) => {
      const answer = await controllerHandlers(context).controllerGetCapabilities?.({}, aCall());
      assert.ok(answer?.ok);
      assert.deepEqual(
        answer.value.capabilities.map(({ type }) => type?.value.type),
        [
          "CREATE_DELETE_VOLUME",
          "PUBLISH_UNPUBLISH_VOLUME",
          "LIST_VOLUMES",
          "LIST_VOLUMES_PUBLISHED_NODES",
          "GET_VOLUME",
          "CREATE_DELETE_SNAPSHOT",
          "LIST_SNAPSHOTS",
          "CLONE_VOLUME",
          "EXPAND_VOLUME",
          "MODIFY_VOLUME",
          "SINGLE_NODE_MULTI_WRITER",
        ],
      );
    }));

  it("leave the rest of the service UNIMPLEMENTED", () =>
    withController(async ({ context }) => {
      const present = new Set(Object.keys(controllerHandlers(context)));
      assert.deepEqual(
        Object.keys(ControllerService).filter((method) => !present.has(method)),
        ["controllerListVolumeHealth", "controllerGetVolumeHealth", "getCapacity", "getSnapshot"],
      );
    }));
});
