import type { ControllerCsi, CsiCall, DriverEndpoints, NodeCsi } from "../../driver/endpoints.ts";
import type { Trace } from "../../trace.ts";
import { createCsiJudge, type CsiJudgeOptions, nodeIdOf } from "./csi-judge.ts";
import type { CsiMethod } from "./csi-method.ts";

/** The driver's endpoints, observed: each response is noted in the trace, and judged. */
export function watchEndpoints({
  endpoints,
  trace,
  nowMs,
  ...judging
}: CsiJudgeOptions & {
  readonly endpoints: DriverEndpoints;
  readonly trace: Trace;
  readonly nowMs: () => number;
}): DriverEndpoints {
  const judge = createCsiJudge(judging);
  const controllers = new Map<ControllerCsi, ControllerCsi>();
  const nodes = new Map<NodeCsi, NodeCsi>();
  return {
    controller: () => {
      const csi = endpoints.controller();
      return csi === undefined ? undefined : once(controllers, csi, () => watchController(csi));
    },
    node: (nodeName) => {
      const csi = endpoints.node(nodeName);
      return csi === undefined ? undefined : once(nodes, csi, () => watchNode(csi, nodeName));
    },
  };

  function watched<Request, Response>(
    method: CsiMethod,
    nodeName: string,
    call: CsiCall<Request, Response>,
  ): CsiCall<Request, Response> {
    return async (request, callOptions) => {
      const startedMs = nowMs();
      const end = judge.begin({ method, request, nodeName });
      const answer = await call(request, callOptions);
      const isAwaited = !callOptions.signal.aborted;
      const where = nodeName === "" ? nodeIdOf(request) : nodeName;
      if (isAwaited)
        trace.note(
          judge.subjectOf(request),
          `${method}${where === "" ? "" : ` ${where}`}: ${answer.ok ? "OK" : answer.code} after ` +
            `${Math.round(nowMs() - startedMs)} ms`,
        );
      end(answer, isAwaited);
      return answer;
    };
  }

  function watchController(csi: ControllerCsi): ControllerCsi {
    return {
      createVolume: watched("createVolume", "", csi.createVolume),
      deleteVolume: watched("deleteVolume", "", csi.deleteVolume),
      controllerPublishVolume: watched("controllerPublishVolume", "", csi.controllerPublishVolume),
      controllerUnpublishVolume: watched("controllerUnpublishVolume", "", csi.controllerUnpublishVolume),
      controllerExpandVolume: watched("controllerExpandVolume", "", csi.controllerExpandVolume),
      controllerModifyVolume: watched("controllerModifyVolume", "", csi.controllerModifyVolume),
      createSnapshot: watched("createSnapshot", "", csi.createSnapshot),
      deleteSnapshot: watched("deleteSnapshot", "", csi.deleteSnapshot),
    };
  }

  function watchNode(csi: NodeCsi, nodeName: string): NodeCsi {
    return {
      nodeStageVolume: watched("nodeStageVolume", nodeName, csi.nodeStageVolume),
      nodeUnstageVolume: watched("nodeUnstageVolume", nodeName, csi.nodeUnstageVolume),
      nodePublishVolume: watched("nodePublishVolume", nodeName, csi.nodePublishVolume),
      nodeUnpublishVolume: watched("nodeUnpublishVolume", nodeName, csi.nodeUnpublishVolume),
      nodeExpandVolume: watched("nodeExpandVolume", nodeName, csi.nodeExpandVolume),
      nodeGetInfo: watched("nodeGetInfo", nodeName, csi.nodeGetInfo),
    };
  }
}

function once<Key, Value>(made: Map<Key, Value>, key: Key, make: () => Value): Value {
  const present = made.get(key) ?? make();
  made.set(key, present);
  return present;
}
