// What vendor.js exports, as far as the page needs its types. Elements of htm are not checked: they are texts.
export const html: (strings: TemplateStringsArray, ...values: any[]) => any;
export function h(type: any, props: any, ...children: any[]): any;
export function render(element: any, root: Element): void;
export const Fragment: any;
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useLayoutEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useRef<T>(initial: T): { current: T };
export function useState<T>(initial: T): [T, (value: T) => void];
export function signal<T>(value: T): any;
export function computed<T>(compute: () => T): { readonly value: T; peek(): T };
export function effect(run: () => void | (() => void)): () => void;
export function batch<T>(run: () => T): T;
export function untracked<T>(run: () => T): T;
