//! Folders of books beyond the laws: what is read, what is told, and what does no harm.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod shelf;
#[cfg(test)]
mod walk;
