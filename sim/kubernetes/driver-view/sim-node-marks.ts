import type { NodeMarks } from "../../../src/ports/cluster/node-marks.ts";
import type { ApiServer } from "../api/api-server.ts";
import type { CallApi } from "./call-api.ts";

/** `NodeMarks` of a controller; the same results as `adapters/kubernetes`. */
export function createNodeMarks(api: ApiServer, callApi: CallApi): NodeMarks {
  const isMarkable = ({ nodeName, nodeUid }: Parameters<NodeMarks["isMarkable"]>[0]): boolean => {
    const node = api.get("Node", nodeName);
    return node?.uid === nodeUid && !node.isOutOfService && !node.isReady;
  };
  return {
    isMarkable: (node, signal) => callApi(() => isMarkable(node), signal),
    mark: (node, signal) =>
      callApi(
        () =>
          isMarkable(node) &&
          api.change("Node", node.nodeName, { isOutOfService: true, isMarkedByDriver: true }),
        signal,
      ),
    unmark: ({ nodeName, nodeUid }, signal) =>
      callApi(() => {
        const node = api.get("Node", nodeName);
        if (node?.uid !== nodeUid || !node.isMarkedByDriver || !node.isReady) return false;
        return api.change("Node", nodeName, { isOutOfService: false, isMarkedByDriver: false });
      }, signal),
  };
}
