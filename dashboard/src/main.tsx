// Starts the page; nothing else.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
// What all share comes first: a panel's own rule of the same weight wins.
import "./theme/base.css";
import "./ui/ui.css";
import { App } from "./app/App";
import "./app/layout.css";
import "./app/phone.css";
import "./app/wall.css";

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
