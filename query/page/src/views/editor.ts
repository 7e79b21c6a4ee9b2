/** The statement editor: CodeMirror with completion of our tables and columns, in a shadow root, where its styles may be. */

import { acceptCompletion, autocompletion, type Completion, type CompletionContext, type CompletionResult, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { keywordCompletionSource, sql, StandardSQL } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState } from '@codemirror/state';
import { EditorView, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--ask)' },
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
  { tag: tags.typeName, color: 'var(--bid)' },
]);

const look = EditorView.theme({
  '&': { fontSize: '13px', color: 'var(--text)', backgroundColor: 'transparent', height: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: "ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace", lineHeight: '1.6' },
  '.cm-content': { caretColor: 'var(--text)', padding: '10px 0' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--muted)', border: 'none', paddingLeft: '8px' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-placeholder': { color: 'var(--muted)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground, ::selection': { backgroundColor: 'var(--bid-wash)' },
  '.cm-matchingBracket': { backgroundColor: 'var(--hover)', outline: '1px solid var(--edge)' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', border: '1px solid var(--edge)', borderRadius: '8px', overflow: 'hidden' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'inherit', maxHeight: '240px' },
  '.cm-tooltip-autocomplete ul li': { padding: '3px 10px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionIcon': { display: 'none' },
});

export class Editor {
  private readonly view: EditorView;
  private readonly language = new Compartment();

  constructor(host: HTMLElement, text: string, run: () => void, changed: (text: string) => void) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
    this.view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          keymap.of([
            { key: 'Mod-Enter', run: () => (run(), true) },
            { key: 'Tab', run: acceptCompletion },
          ]),
          lineNumbers(),
          history(),
          bracketMatching(),
          closeBrackets(),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          this.language.of([sql({ dialect: StandardSQL }), autocompletion({ icons: false })]),
          syntaxHighlighting(colours),
          placeholder('SELECT …'),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': 'SQL statement' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed(update.state.doc.toString());
          }),
          look,
        ],
      }),
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  set text(text: string) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
    this.view.focus();
  }

  /** Has names completed too: tables by their whole names, and the columns of those that the statement mentions. */
  complete(tables: ReadonlyMap<string, readonly string[]>): void {
    const names: Completion[] = [...tables.keys()].map((label) => ({ label, type: 'class', boost: 2 }));
    const source = (context: CompletionContext): CompletionResult | null => {
      const word = context.matchBefore(/[\w.]+/);
      if (!word && !context.explicit) return null;
      const text = context.state.doc.toString();
      const columns = new Set([...tables].filter(([table]) => text.includes(table)).flatMap(([, found]) => found));
      const options: Completion[] = [...columns].map((label) => ({ label, type: 'property', boost: 3 }));
      return { from: word?.from ?? context.pos, options: [...options, ...names], validFor: /^[\w.]*$/ };
    };
    const keywords = keywordCompletionSource(StandardSQL, true);
    this.view.dispatch({ effects: this.language.reconfigure([sql({ dialect: StandardSQL }), autocompletion({ icons: false, override: [source, keywords] })]) });
  }

  close(): void {
    this.view.destroy();
  }
}
