//! Folders of books beyond the laws: what is read, what is told, and what does no harm.

mod hostile;
mod licences;
mod shelf;
mod walk;
