import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status } from "@grpc/grpc-js";
import { connectPatiently } from "../../demo/lab/patient-csi.ts";
import { ControllerService } from "../../src/csi/gen/csi/v1/csi.ts";

const request = { volumeId: "v", nodeId: "n", secrets: {} };

it("repeats a call until its caller gives it up, and not after that", async () => {
  const folder = await mkdtemp(join(tmpdir(), "patient-csi-"));
  const address = `unix:${join(folder, "csi.sock")}`;
  const server = new Server();
  const nodes: string[] = [];
  const again = new AbortController();
  server.addService(
    { controllerUnpublishVolume: ControllerService.controllerUnpublishVolume },
    {
      controllerUnpublishVolume: (
        { request: { nodeId } }: ServerUnaryCall<typeof request, object>,
        answer: sendUnaryData<object>,
      ) => {
        nodes.push(nodeId);
        if (nodes.length === 2) again.abort();
        if (nodeId === "other" || nodes.length > 5) answer(null, {});
        else answer({ code: status.FAILED_PRECONDITION });
      },
    },
  );
  await promisify(server.bindAsync.bind(server))(address, ServerCredentials.createInsecure());
  const clients = connectPatiently(join(folder, "csi.sock"), new AbortController().signal);
  try {
    const { controllerUnpublishVolume } = clients.controller;
    await assert.rejects(controllerUnpublishVolume(request, { signal: again.signal }), {
      name: "AbortError",
    });
    await controllerUnpublishVolume({ ...request, nodeId: "other" });
    assert.deepEqual(nodes, ["n", "n", "other"]);
  } finally {
    clients.close();
    server.forceShutdown();
    await rm(folder, { recursive: true });
  }
});
