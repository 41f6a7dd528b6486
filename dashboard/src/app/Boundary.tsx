// Catches what a panel throws while drawing, says so in its place, and offers to begin again.
import { Component, type ReactNode } from "react";
import { Note, Panel } from "../ui/Panel";

interface BoundaryProps {
  readonly name: string;
  readonly children: ReactNode;
}

export class Boundary extends Component<BoundaryProps, { readonly error: string | null }> {
  override state = { error: null };

  static getDerivedStateFromError(error: unknown): { error: string } {
    return { error: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <Panel title={this.props.name} name={this.props.name}>
        <Note
          text="This panel failed."
          more={this.state.error}
          action={
            <button type="button" className="chip" onClick={() => this.setState({ error: null })}>
              Begin again
            </button>
          }
        />
      </Panel>
    );
  }
}
