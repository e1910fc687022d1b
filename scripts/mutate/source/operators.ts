import type { SourceSpan } from "./mutant.ts";
import { childOf, isNode } from "./syntax-tree.ts";
import type { SyntaxNode } from "./syntax-tree.ts";

/** A change of a node: the text that replaces a part of it. */
export interface Change {
  readonly operator: string;
  readonly edit: SourceSpan & { readonly text: string };
}

const COMPARISONS: Readonly<Record<string, readonly string[]>> = {
  "===": ["!=="],
  "!==": ["==="],
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
};
const ARITHMETIC: Readonly<Record<string, string>> = {
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "+=": "-=",
  "-=": "+=",
};

/** Methods that can be dropped, which leaves their object in place of the call. */
const DROPPED_METHODS = [
  "filter",
  "toSorted",
  "sort",
  "toReversed",
  "slice",
  "trim",
  "toLowerCase",
  "toUpperCase",
];
const SWAPPED_METHODS: ReadonlyMap<string, string> = new Map([
  ["some", "every"],
  ["every", "some"],
  ["startsWith", "endsWith"],
  ["endsWith", "startsWith"],
  ["min", "max"],
  ["max", "min"],
]);

/**
 * Numbers up to this become their successor, larger ones twice as large, since a limit that is one higher
 * changes little.
 */
const SMALL_NUMBER_MAX = 16;
/** Words, and names of objects and fields. Texts for people are not tested. */
const TOKEN = /^[^\s]+$/u;

/** The changes of an expression by its operator, method or value; none if no change could matter. */
export function changesOfExpression(node: SyntaxNode, source: string): readonly Change[] {
  switch (node.type) {
    case "LogicalExpression":
      return changesOfLogic(node, source);
    case "BinaryExpression":
      return changesOfBinary(node, source);
    case "AssignmentExpression":
      return swapOperator(
        "arithmetic",
        node,
        [ARITHMETIC[String(node["operator"])]].flatMap((text) => text ?? []),
        source,
      );
    case "UnaryExpression":
      return node["operator"] === "!"
        ? [replace("negate", node, textOf(childOf(node, "argument"), source))]
        : [];
    case "UpdateExpression":
      return [
        replace(
          "arithmetic",
          node,
          textOf(node, source).replace(/\+\+|--/u, (text) => (text === "++" ? "--" : "++")),
        ),
      ];
    case "ConditionalExpression":
      return changesOfTest(childOf(node, "test"));
    case "CallExpression":
      return [...changesOfCall(node, source), ...optional(node, source)];
    case "MemberExpression":
      return optional(node, source);
    case "ObjectExpression":
      return changesOfObject(node, source);
    case "ArrayExpression":
      return (node["elements"] as readonly unknown[]).length === 0 ? [] : [replace("literal", node, "[]")];
    case "Literal":
      return changesOfLiteral(node);
    default:
      return [];
  }
}

/** The changes of a statement as a whole: removing it, or never running its body. */
export function changesOfStatement(node: SyntaxNode): readonly Change[] {
  switch (node.type) {
    case "ExpressionStatement":
    case "ContinueStatement":
    case "BreakStatement":
    case "ThrowStatement":
      return [replace("remove-statement", node, "")];
    default:
      return [];
  }
}

/** The changes of a statement's head: a condition, or what a loop iterates over. */
export function changesOfHead(node: SyntaxNode): readonly Change[] {
  switch (node.type) {
    case "IfStatement":
      return changesOfTest(childOf(node, "test"));
    case "WhileStatement":
      return [replace("condition", childOf(node, "test"), "false")];
    case "ForOfStatement":
      return [replace("empty-loop", childOf(node, "right"), "[]")];
    default:
      return [];
  }
}

/** If its own operators already change a condition, "always" and "never" add nothing. */
function changesOfTest(test: SyntaxNode): readonly Change[] {
  if (isNode(test, "LogicalExpression")) return [];
  return [replace("condition", test, "true"), replace("condition", test, "false")];
}

function changesOfLogic(node: SyntaxNode, source: string): readonly Change[] {
  const [left, right] = [childOf(node, "left"), childOf(node, "right")];
  const sides = [left, right].map((side) => replace("drop-operand", node, textOf(side, source)));
  const operator = String(node["operator"]);
  return operator === "??"
    ? sides
    : [...sides, ...swapOperator("logic", node, [operator === "&&" ? "||" : "&&"], source)];
}

function changesOfBinary(node: SyntaxNode, source: string): readonly Change[] {
  const operator = String(node["operator"]);
  const comparisons = swapOperator("comparison", node, COMPARISONS[operator] ?? [], source);
  const isText = [childOf(node, "left"), childOf(node, "right")].some(
    (side) => isNode(side, "TemplateLiteral") || typeof side["value"] === "string",
  );
  const arithmetic = isText ? undefined : ARITHMETIC[operator];
  return [
    ...comparisons,
    ...(arithmetic === undefined ? [] : swapOperator("arithmetic", node, [arithmetic], source)),
  ];
}

function changesOfCall(node: SyntaxNode, source: string): readonly Change[] {
  const callee = childOf(node, "callee");
  if (!isNode(callee, "MemberExpression") || callee["computed"] === true) return [];
  const method = childOf(callee, "property");
  const name = String(method["name"]);
  const object = childOf(callee, "object");
  const swapped = SWAPPED_METHODS.get(name);
  return [
    ...(DROPPED_METHODS.includes(name)
      ? [{ operator: "drop-call", edit: { start: object.end, end: node.end, text: "" } }]
      : []),
    // Of `Math` only; other objects have a `min` and `max` of their own.
    ...(swapped !== undefined && (!["min", "max"].includes(name) || textOf(object, source) === "Math")
      ? [replace("swap-method", method, swapped)]
      : []),
  ];
}

/**
 * For an object that copies another one and changes some fields, each change is left out once. Without the
 * copy the compiler would miss the field.
 */
function changesOfObject(node: SyntaxNode, source: string): readonly Change[] {
  const properties = (node["properties"] as readonly unknown[]).filter((property) => isNode(property));
  if (!properties.some((property) => property.type === "SpreadElement")) return [];
  return properties.map((property) => {
    const comma = /^\s*,/u.exec(source.slice(property.end))?.[0] ?? "";
    return {
      operator: "drop-property",
      edit: { start: property.start, end: property.end + comma.length, text: "" },
    };
  });
}

function changesOfLiteral(node: SyntaxNode): readonly Change[] {
  const value = node["value"];
  if (typeof value === "boolean") return [replace("literal", node, String(!value))];
  if (typeof value === "number")
    return [replace("literal", node, String(value <= SMALL_NUMBER_MAX ? value + 1 : value * 2))];
  if (typeof value === "string" && TOKEN.test(value)) return [replace("literal", node, '""')];
  return [];
}

/** `a?.b` as `a.b`. */
function optional(node: SyntaxNode, source: string): readonly Change[] {
  if (node["optional"] !== true) return [];
  const before = childOf(node, node.type === "CallExpression" ? "callee" : "object").end;
  const at = source.indexOf("?.", before);
  const isComputed = node.type === "CallExpression" || node["computed"] === true;
  return [
    { operator: "optional-chain", edit: { start: at, end: at + "?.".length, text: isComputed ? "" : "." } },
  ];
}

function swapOperator(
  name: string,
  node: SyntaxNode,
  texts: readonly string[],
  source: string,
): readonly Change[] {
  const operator = String(node["operator"]);
  const start = source.indexOf(operator, childOf(node, "left").end);
  return texts.map((text) => ({ operator: name, edit: { start, end: start + operator.length, text } }));
}

function replace(operator: string, { start, end }: SourceSpan, text: string): Change {
  return { operator, edit: { start, end, text } };
}

function textOf({ start, end }: SourceSpan, source: string): string {
  return source.slice(start, end);
}
